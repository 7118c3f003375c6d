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

_ROOTS = frozenset(name.partition(".")[0] for name in ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class CelProblem:
    kind: Literal["mixer", "syntax", "type"]
    message: str


@functools.cache
def _environment() -> Any:
    from cel_expr_python import cel  # pyright: ignore[reportMissingTypeStubs] - it has a stub, but no py.typed

    types = {
        "string": cel.Type.STRING, "int": cel.Type.INT, "uint": cel.Type.UINT, "bool": cel.Type.BOOL,
        "timestamp": cel.Type.TIMESTAMP, "duration": cel.Type.DURATION, "dyn": cel.Type.DYN,
        "headers": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    }  # fmt: skip
    return cel.NewEnv(variables={name: types[kind] for name, kind in ATTRIBUTES.items()})


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


def _read(said: str) -> CelProblem | None:
    """The first complaint of the library, in one line."""
    found = _ERROR.search(said)
    column, complaint = (found[1], found[2]) if found else ("1", said.splitlines()[0])
    undeclared = _UNDECLARED.search(complaint)
    if undeclared:
        name = undeclared[1]
        if name in _ROOTS:
            # `has(request.headers)` and the like: the whole message is not declared here, but Envoy has it.
            return None
        return CelProblem("type", f"there is no attribute {name}")
    if "no matching overload" in complaint or "type" in complaint.partition("(")[0]:
        return CelProblem("type", f"{complaint.split(' (in container')[0]} at column {column}")
    return CelProblem("syntax", f"{complaint.removeprefix('Syntax error: ')} at column {column}")
