"""What Istio takes as a VirtualService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, Message, below, each, problem
from meshlint.validation.http_route import DELEGATED_HTTP_ROUTE, HTTP_ROUTE
from meshlint.validation.route_destination import WEIGHTED_DESTINATION, gateway_names, weights
from meshlint.validation.selection import export_to
from meshlint.validation.values import host_pattern, is_address, labels, port, subnet
from meshlint.view.hosts import covers, overlap

if TYPE_CHECKING:
    from meshlint.validation.grammar import Check, Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest

_AUTOMATIC = "outbound_"
"""How the names begin under which clusters of a mesh reach each other's services through a gateway (SNI)."""


def _host(value: str, *, automatic: bool) -> Problems:
    if automatic and value.startswith(_AUTOMATIC):
        return (
            NONE
            if len(value.split("_")) >= 4
            else problem(f"is {value!r}, no name of SNI", "write outbound_.PORT_._.HOST")
        )
    return NONE if is_address(value) else host_pattern(value)


_MATCH_FIELDS: dict[str, Check] = {
    "destinationSubnets": each(subnet),
    "port": lambda value: port(value) if value else NONE,
    "sourceLabels": labels,
    "gateways": gateway_names,
}


def _has_destinations(value: Json) -> Problems:
    return NONE if value.get("route") else problem("has no route, so there is nowhere to go", "add a destination")


_DESTINATIONS = each(WEIGHTED_DESTINATION, weights)
_TCP_ROUTE = Message({"match": each(Message(_MATCH_FIELDS)), "route": _DESTINATIONS}, _has_destinations)
_TLS_ROUTE = Message({"match": each(Message(_MATCH_FIELDS)), "route": _DESTINATIONS}, _has_destinations)

_SPEC = Message({"http": each(HTTP_ROUTE), "tcp": each(_TCP_ROUTE), "tls": each(_TLS_ROUTE), "gateways": gateway_names})
_DELEGATE = _SPEC.also({"http": each(DELEGATED_HTTP_ROUTE)})


def _hosts(hosts: list[str], *, on_gateway: bool, automatic: bool) -> Problems:
    found = NONE
    for position, host in enumerate(hosts):
        wrong = _host(host, automatic=automatic)
        if wrong:
            found += below(position, wrong)
        elif host == "*" and not on_gateway:
            found += problem("is *, which routes in the mesh cannot be for", "name the hosts", position)
    if not found and len(hosts) > 1:
        for position, host in enumerate(hosts):
            other = next((one for one in hosts[:position] if overlap(one, host)), "")
            if other:
                found += problem(f"is {host!r}, which overlaps with {other!r}", "name each host once", position)
    return found


def _sni(spec: Json, *, on_gateway: bool) -> Problems:
    found = NONE
    hosts: list[str] = spec.get("hosts", [])
    for position, route in enumerate(spec["tls"]):
        if not route.get("match"):
            found += problem("has no match", "add match: [{sniHosts: [HOST]}]", "tls", position)
        for number, match in enumerate(route.get("match", ())):
            where = ("tls", position, "match", number, "sniHosts")
            names: list[str] = match.get("sniHosts", [])
            if not names:
                found += problem("is empty", "name the hosts to route by SNI", *where)
            for index, name in enumerate(names):
                if is_address(name) and host_pattern(name):
                    continue
                wrong = _host(name, automatic=on_gateway)
                for path, what, mend in wrong:
                    found += (((*where, index, *path), what, mend),)
                if not wrong and not any(covers(host, name) for host in hosts):
                    what = f"is {name!r}, which spec.hosts does not cover"
                    found += problem(what, "use a host of this VirtualService", *where, index)
    return found


def _without_hosts(spec: Json) -> Problems:
    found = NONE
    for name in ("gateways", "tls", "tcp"):
        if spec.get(name):
            what = f"has {name} and no hosts, as only a delegate can, which has none of these"
            found += problem(what, f"name the hosts, or remove {name}", name)
    return found


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this VirtualService, by its place in the spec."""
    spec = obj.spec
    hosts: list[str] = spec.get("hosts", [])
    gateways: list[str] = spec.get("gateways", [])
    on_gateway = bool(gateways) and "mesh" not in gateways
    if hosts:
        found = _SPEC(spec)
        automatic = on_gateway and any(
            match.get("sniHosts") for tls in spec.get("tls", ()) for match in tls.get("match", ())
        )
        found += below("hosts", _hosts(hosts, on_gateway=on_gateway, automatic=automatic))
    else:
        found = _DELEGATE(spec) + _without_hosts(spec)
    if "tls" in spec:
        found += _sni(spec, on_gateway=on_gateway)
    if "exportTo" in spec:
        found += below("exportTo", export_to(obj.namespace, spec["exportTo"]))
    if not (spec.get("http") or spec.get("tls") or spec.get("tcp")):
        found += problem("has neither http, tls nor tcp routes", "add a route, or remove the object")
    return found
