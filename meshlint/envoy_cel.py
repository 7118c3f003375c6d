"""CEL expressions as Envoy sees them: do they parse, and do they use attributes that exist in ways their types allow?

The library is Google's C++ implementation of CEL, the same parser and checker that Envoy is built with. It is imported
when the first expression is met: most inputs have none.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any, Literal

_CERTIFICATE_FIELDS = (
    "tls_version", "subject_local_certificate", "subject_peer_certificate", "dns_san_local_certificate",
    "dns_san_peer_certificate", "uri_san_local_certificate", "uri_san_peer_certificate",
    "sha256_peer_certificate_digest", "transport_failure_reason",
)  # fmt: skip

ATTRIBUTES: dict[str, str] = {
    **{f"request.{name}": "string" for name in (
        "path", "url_path", "host", "scheme", "method", "referer", "useragent", "id", "protocol", "query",
    )},
    "request.headers": "headers", "request.time": "timestamp", "request.duration": "duration",
    "request.size": "int", "request.total_size": "int",
    "response.code": "int", "response.code_details": "string", "response.flags": "int", "response.grpc_status": "int",
    "response.headers": "headers", "response.trailers": "headers", "response.size": "int",
    "response.total_size": "int", "response.backend_latency": "duration",
    "source.address": "string", "source.port": "int", "destination.address": "string", "destination.port": "int",
    "connection.id": "uint", "connection.mtls": "bool", "connection.requested_server_name": "string",
    "connection.termination_details": "string",
    **{f"connection.{name}": "string" for name in _CERTIFICATE_FIELDS},
    "upstream.address": "string", "upstream.port": "int", "upstream.local_address": "string",
    "upstream.request_attempt_count": "uint", "upstream.cx_pool_ready_duration": "duration",
    "upstream.locality": "dyn",
    **{f"upstream.{name}": "string" for name in _CERTIFICATE_FIELDS},
    "xds.cluster_name": "string", "xds.route_name": "string", "xds.virtual_host_name": "string",
    "xds.filter_chain_name": "string", "xds.listener_direction": "int", "xds.upstream_host_locality_region": "string",
    "xds.upstream_host_locality_zone": "string", "xds.upstream_host_locality_sub_zone": "string",
    "xds.cluster_metadata": "dyn", "xds.route_metadata": "dyn", "xds.virtual_host_metadata": "dyn",
    "xds.upstream_host_metadata": "dyn", "xds.listener_metadata": "dyn", "xds.node": "dyn",
    "metadata": "dyn", "filter_state": "dyn", "upstream_filter_state": "dyn",
    # Istio's own, in the metrics filter.
    "node": "dyn", "upstream_peer": "dyn", "downstream_peer": "dyn", "cluster_metadata": "dyn", "route_metadata": "dyn",
    "cluster_name": "string", "route_name": "string", "listener_direction": "int", "listener_metadata": "dyn",
    "plugin_name": "string", "plugin_root_id": "string", "plugin_vm_id": "string",
}  # fmt: skip
"""Envoy's attributes and their types (envoyproxy.io, "Attributes"), and those that Istio's metrics filter adds."""


@dataclass(frozen=True, slots=True)
class CelProblem:
    """Why Envoy would not take an expression: Mixer's language, no CEL, or a wrong attribute or type."""

    kind: Literal["mixer", "syntax", "type"]
    message: str


_PACKAGE = "attributes"


@functools.cache
def _environment() -> Any:
    """Envoy's attributes as messages, so that `has(request.headers)` and `request.nothing` mean the same as there."""
    from cel_expr_python import cel  # pyright: ignore[reportMissingTypeStubs] - it has a stub, but no py.typed
    from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2

    file = descriptor_pb2.FileDescriptorProto(name="attributes.proto", package=_PACKAGE, syntax="proto3")
    pool: Any = descriptor_pool.DescriptorPool()
    for known in (duration_pb2, timestamp_pb2, struct_pb2):
        copy = descriptor_pb2.FileDescriptorProto()
        known.DESCRIPTOR.CopyToProto(copy)
        pool.Add(copy)
        file.dependency.append(copy.name)
    messages: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, kind in ATTRIBUTES.items():
        root, _, field = name.partition(".")
        if not field:
            plain[name] = cel.Type.STRING if kind == "string" else cel.Type.INT if kind == "int" else cel.Type.DYN
            continue
        if root not in messages:
            messages[root] = file.message_type.add(name=root)
        _add_field(messages[root], field, kind)
    pool.Add(file)
    roots = {root: cel.Type(f"{_PACKAGE}.{root}") for root in messages}
    return cel.NewEnv(pool, variables={**plain, **roots})


def _add_field(message: Any, name: str, kind: str) -> None:
    from google.protobuf import descriptor_pb2

    types = descriptor_pb2.FieldDescriptorProto
    scalars = {
        "string": types.TYPE_STRING, "int": types.TYPE_INT64, "uint": types.TYPE_UINT64, "bool": types.TYPE_BOOL,
    }  # fmt: skip
    field = message.field.add(name=name, number=len(message.field) + 1, label=types.LABEL_OPTIONAL)
    if kind in scalars:
        field.type = scalars[kind]
        return
    field.type = types.TYPE_MESSAGE
    if kind == "headers":
        entry = message.nested_type.add(name="".join(part.capitalize() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        for number, part in enumerate(("key", "value"), start=1):
            entry.field.add(name=part, number=number, type=types.TYPE_STRING, label=types.LABEL_OPTIONAL)
        field.label = types.LABEL_REPEATED
        field.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"
    else:
        known = {"timestamp": "Timestamp", "duration": "Duration", "dyn": "Value"}
        field.type_name = f".google.protobuf.{known[kind]}"


_PIPE = re.compile(r"(?<!\|)\|(?!\|)")
_MIXER_CALLS = re.compile(r"\b(?:conditional|ip|timestamp_ms|dnsName|emptyStringMap|reverse|match)\(")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')


@functools.lru_cache(maxsize=4096)
def problem_of(expression: str, *, boolean: bool = False) -> CelProblem | None:
    """What Envoy would have against the expression; None if nothing. `boolean` asks for a condition."""
    bare = _STRINGS.sub('""', expression)
    if _PIPE.search(bare):
        return CelProblem("mixer", "Mixer's `|` for a default does not exist in CEL")
    mixer_call = _MIXER_CALLS.search(bare)
    if mixer_call:
        return CelProblem("mixer", f"Mixer's function {mixer_call.group()[:-1]} does not exist in CEL")
    try:
        compiled = _environment().compile(expression)
    except RuntimeError as error:
        return _read(str(error))
    if boolean and compiled.return_type().name().lower() not in ("bool", "dyn"):
        return CelProblem("type", f"gives {compiled.return_type().name().lower()}, where a condition is needed")
    return None


_ERROR = re.compile(r"ERROR: <input>:\d+:(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([\w.]+)'")
_UNDEFINED = re.compile(rf"undefined field '(\w+)' not found in struct '{_PACKAGE}\.(\w+)'")


def _read(said: str) -> CelProblem:
    """The first complaint of the library, in one line."""
    found = _ERROR.search(said)
    column, complaint = (found[1], found[2]) if found else ("1", said.splitlines()[0])
    undefined = _UNDEFINED.search(complaint)
    if undefined:
        return CelProblem("type", f"there is no attribute {undefined[2]}.{undefined[1]}")
    undeclared = _UNDECLARED.search(complaint)
    if undeclared:
        return CelProblem("type", f"there is no attribute {undeclared[1]}")
    complaint = complaint.split(" (in container")[0]
    if "no matching overload" in complaint or "type" in complaint.partition("(")[0]:
        return CelProblem("type", f"{complaint} at column {column}")
    return CelProblem("syntax", f"{complaint.removeprefix('Syntax error: ')} at column {column}")
