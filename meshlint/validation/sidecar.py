"""What Istio takes as a Sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.gateway import UNIX, dns_name
from meshlint.validation.grammar import NONE, Message, below, each, problem
from meshlint.validation.route_destination import DESTINATION
from meshlint.validation.selection import selector
from meshlint.validation.server_tls import server_tls
from meshlint.validation.traffic_policy import CONNECTION_POOL
from meshlint.validation.values import (
    TLS_PROTOCOLS,
    address,
    dns_label,
    fqdn,
    is_dns_label,
    port,
    protocol,
    unix_path,
)  # fmt: skip

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

_LOCAL = frozenset({"", "127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - compared with, not listened on


def _port(written: Json) -> Problems:
    found = below("protocol", protocol(written.get("protocol", "")))
    if written.get("name"):
        found += below("name", dns_label(written["name"]))
    if written.get("targetPort"):
        found += problem("is set, and a Sidecar does not use it", "remove it", "targetPort")
    return found


def _default_endpoint(value: str) -> Problems:
    if not value:
        return NONE
    if value.startswith(UNIX):
        return unix_path(value.removeprefix(UNIX))
    host, colon, number = value.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    mend = "write 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///PATH"
    if not colon or (bare == host and ":" in host) or bare not in _LOCAL:
        return problem(f"is {value!r}, no address of the pod itself", mend)
    if not number.isdecimal() or port(int(number)):
        return problem(f"is {value!r}, and {number!r} is no port", mend)
    return NONE


_NOT_IN_SIDECARS = ("subjectAltNames", "httpsRedirect", "credentialName", "credentialNames", "tlsCertificates")


def _ingress_tls(listener: Json) -> Problems:
    tls: Json | None = listener.get("tls")
    if tls is None:
        return NONE
    found = NONE
    for name in _NOT_IN_SIDECARS:
        if tls.get(name):
            found += problem("is set, which a Sidecar's ingress does not have", "remove it", name)
    if tls.get("mode") in ("ISTIO_MUTUAL", "AUTO_PASSTHROUGH"):
        found += problem(f"is {tls['mode']}, which a Sidecar's ingress does not have", "write SIMPLE or MUTUAL", "mode")
    found = below("tls", found)
    name = listener.get("port", {}).get("protocol", "")
    if name.lower() not in TLS_PROTOCOLS:
        found += problem(f"is {name or 'absent'}, and the listener has tls", "write HTTPS or TLS", "port", "protocol")
    return found


def _ingress_port(listener: Json) -> Problems:
    if "port" not in listener:
        return problem("has no port", "write number, name and protocol")
    return below("port", below("number", port(listener["port"].get("number", 0))))


_INGRESS = Message(
    {
        "port": _port,
        "bind": lambda value: address(value) if value else NONE,
        "defaultEndpoint": _default_endpoint,
        "tls": server_tls,
        "connectionPool": CONNECTION_POOL,
    },
    _ingress_port,
    _ingress_tls,
)


def _egress_port(listener: Json) -> Problems:
    if "port" not in listener:
        return NONE
    number = listener["port"].get("number", 0)
    bind = listener.get("bind", "")
    if number:
        found = below("port", below("number", port(number)))
        return found + (below("bind", address(bind)) if bind else NONE)
    if not bind.startswith(UNIX):
        return problem("has no number, and bind is no Unix socket", "write the port's number", "port")
    found = below("bind", unix_path(bind.removeprefix(UNIX)))
    if listener.get("captureMode", "DEFAULT") not in ("DEFAULT", "NONE"):
        found += problem("is IPTABLES on a Unix socket", "write NONE, or remove it", "captureMode")
    return found


def _egress_host(value: str) -> Problems:
    namespace, slash, name = value.partition("/")
    if not slash:
        return problem(f"is {value!r}, without a namespace", "write NAMESPACE/HOST, ./HOST or */HOST")
    bare = namespace.removeprefix("~")
    if not namespace or (bare not in ("", "*", ".") and not is_dns_label(bare)):
        return problem(f"is {value!r}, and {namespace!r} is no namespace", "write NAMESPACE/HOST, ./HOST or */HOST")
    return dns_name(name, may_be_address=False)


def _has_hosts(listener: Json) -> Problems:
    return NONE if listener.get("hosts") else problem("is empty", 'name the hosts, as in "*/*"', "hosts")


_EGRESS = Message({"port": _port, "hosts": each(_egress_host)}, _egress_port, _has_hosts)


def _ports_once(listeners: list[Json]) -> Problems:
    found = NONE
    seen: set[object] = set()
    for position, listener in enumerate(listeners):
        if "port" not in listener:
            continue
        number = listener["port"].get("number", 0)
        place: object = number or listener.get("bind", "")
        if place in seen:
            found += problem(
                f"is {place}, which another listener has too", "write one listener", position, "port", "number"
            )
        seen.add(place)
    return found


def _catch_all_is_last(listeners: list[Json]) -> Problems:
    found = NONE
    for position, listener in enumerate(listeners[:-1]):
        if "port" not in listener:
            what = "has no port, as only the last listener may"
            found += problem(what, "name its port, or put it last", position)
    return found


def _outbound(policy: Json) -> Problems:
    mode = policy.get("mode", "REGISTRY_ONLY")
    if mode == "ALLOW_ANY_DYNAMIC_DNS":
        return problem(
            "is ALLOW_ANY_DYNAMIC_DNS, which only MeshConfig has", "write ALLOW_ANY or REGISTRY_ONLY", "mode"
        )
    proxy: Json | None = policy.get("egressProxy")
    if proxy is None:
        return NONE
    if mode != "ALLOW_ANY":
        return problem(f"is {mode}, and egressProxy needs ALLOW_ANY", "write ALLOW_ANY", "mode")
    found = fqdn(proxy.get("host", ""))
    if found:
        found = below("host", found)
    if "port" not in proxy:
        found += problem("has no port", "write port: {number: 443}")
    return below("egressProxy", found or DESTINATION(proxy))


_SPEC = Message(
    {
        "workloadSelector": selector("labels"),
        "ingress": each(_INGRESS, _ports_once),
        "egress": each(_EGRESS, _ports_once, _catch_all_is_last),
        "inboundConnectionPool": CONNECTION_POOL,
        "outboundTrafficPolicy": _outbound,
    }
)
_SETTINGS = ("egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool")


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this Sidecar, by its place in the spec."""
    found = _SPEC(obj.spec)
    lists = obj.spec.get("egress") or obj.spec.get("ingress")
    if not lists and not any(name in obj.spec for name in _SETTINGS[2:]):
        found += problem("sets nothing", f"set one of {', '.join(_SETTINGS)}, or remove it")
    return found
