"""What Istio takes as a Gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, below, each, problem
from meshlint.validation.server_tls import server_tls
from meshlint.validation.values import (
    HTTP_PROTOCOLS,
    TLS_PROTOCOLS,
    address,
    host_pattern,
    is_address,
    is_dns_label,
    port,
    protocol,
    unix_path,
)  # fmt: skip

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

UNIX = "unix://"
CONVERTED = "internal.istio.io/gateway-semantics"
"""Marks what istiod made of an object of the Gateway API: other rules hold for it."""


def dns_name(value: str, *, may_be_address: bool) -> Problems:
    """The host behind the namespace: `*`, or a name with a dot, and a wildcard for a whole label."""
    if value == "*":
        return NONE
    if not (may_be_address and is_address(value)):
        wrong = host_pattern(value)
        if wrong:
            return wrong
    if "." not in value:
        return problem(f"is {value!r}, a short name", "write the whole name of the host")
    if "*" in value and not value.startswith("*."):
        return problem(f"is {value!r}, with a wildcard for a part of a label", "write *.DOMAIN")
    return NONE


def _host(value: str) -> Problems:
    namespace, slash, name = value.partition("/")
    if not slash:
        return dns_name(value, may_be_address=True)
    if namespace not in ("*", ".") and not is_dns_label(namespace):
        return problem(f"is {value!r}, and {namespace!r} is no namespace", "write NAMESPACE/HOST, */HOST or ./HOST")
    return dns_name(name, may_be_address=True)


def _port(server: Json) -> Problems:
    if "port" not in server:
        return problem("has no port", "write number, name and protocol")
    written: Json = server["port"]
    found = NONE
    number = written.get("number", 0)
    on_socket = server.get("bind", "").startswith(UNIX)
    if number or not on_socket:
        found += below("number", port(number))
    if number and on_socket:
        found += problem(f"is {number} on a Unix socket", "remove it", "number")
    if not written.get("name"):
        found += problem("has no name", "name the port")
    if not written.get("protocol"):
        found += problem("has no protocol", "write HTTP, HTTPS, TLS or TCP")
    if written.get("targetPort"):
        found += problem("is set, and a Gateway does not use it", "remove it", "targetPort")
    return below("port", found)


def _bind(value: str) -> Problems:
    if value.startswith(UNIX):
        return unix_path(value.removeprefix(UNIX))
    return address(value) if value else NONE


def _tls_fits_protocol(server: Json) -> Problems:
    name: str = server.get("port", {}).get("protocol", "").lower()
    if not name or protocol(name):
        return NONE
    tls: Json | None = server.get("tls")
    if name in TLS_PROTOCOLS:
        return (
            NONE
            if tls is not None
            else problem(f"is absent on a server for {name.upper()}", "add mode and credentialName", "tls")
        )
    if tls is None:
        return NONE
    if name not in HTTP_PROTOCOLS:
        return problem(f"is set on a server for {name.upper()}", "write protocol TLS, or remove it", "tls")
    passes = tls.get("mode", "PASSTHROUGH") in ("PASSTHROUGH", "AUTO_PASSTHROUGH")
    if not passes or any(tls.get(file) for file in ("caCertificates", "privateKey", "serverCertificate")):
        what = f"ends TLS on a server for {name.upper()}, which has none"
        return problem(what, "write protocol HTTPS, or leave only httpsRedirect", "tls")
    return NONE


def _has_hosts(server: Json) -> Problems:
    return NONE if server.get("hosts") else problem("is empty", "name the hosts", "hosts")


def _names_once(servers: list[Json]) -> Problems:
    found = NONE
    seen: set[str] = set()
    for position, server in enumerate(servers):
        name = server.get("port", {}).get("name", "")
        if name and name in seen:
            what = f"is {name!r}, which another server of this Gateway has too"
            found += problem(what, "name each port once", position, "port", "name")
        seen.add(name)
    return found


_SERVER = Message(
    {"hosts": each(_host), "port": Message({"protocol": protocol}), "bind": _bind, "tls": server_tls},
    _port,
    _has_hosts,
    _tls_fits_protocol,
)
_SPEC = Message({"servers": each(_SERVER, _names_once)})


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this Gateway, by its place in the spec."""
    if CONVERTED in obj.annotations:
        return NONE
    found = _SPEC(obj.spec)
    if not obj.spec.get("servers"):
        found += problem("is empty", "add a server, or remove the Gateway", "servers")
    return found


def name_problem(obj: Manifest) -> str:
    """What is wrong with the Gateway's own name; empty if nothing."""
    return (
        ""
        if is_dns_label(obj.name) or CONVERTED in obj.annotations
        else f"is {obj.name!r}, no DNS label (a Gateway's name has no dots)"
    )
