"""Mistakes in where requests go: Gateway, VirtualService, DestinationRule, ServiceEntry, Sidecar."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from tests.unit.meshlint.mutation.mistakes import (
    Mistake,
    Objects,
    at,
    key_of,
    left_out,
    of_kind,
    parts,
    put,
    removed,
    scalars,
    swapped,
)

ROUTES = ("VirtualService",)


def order_of_routes(objects: Objects) -> Iterator[Mistake]:
    """Two routes that follow each other, the other way round; the last one first."""
    for index, obj in of_kind(objects, *ROUTES):
        for block in ("http", "tls", "tcp"):
            routes = obj["spec"].get(block) or []
            for number in range(len(routes) - 1):
                one, other = ("spec", block, number), ("spec", block, number + 1)
                yield Mistake("order of routes", key_of(obj), f"{number}", swapped(index, one, other))
            if len(routes) > 2:
                last_first = [routes[-1], *routes[:-1]]
                yield Mistake("order of routes", key_of(obj), "last first", put(index, ("spec", block), last_first))


def two_routes_swapped(objects: Objects) -> Iterator[Mistake]:
    """What two routes lead to, in each other's place."""
    for index, obj in of_kind(objects, *ROUTES):
        routes = obj["spec"].get("http") or []
        for number in range(len(routes) - 1):
            one, other = ("spec", "http", number), ("spec", "http", number + 1)
            for name in ("route", "directResponse"):
                if name in at(obj, one) and name in at(obj, other) and at(obj, one)[name] != at(obj, other)[name]:
                    change = swapped(index, (*one, name), (*other, name))
                    yield Mistake("two routes swapped", key_of(obj), f"{name} {number}", change)


def path_of_a_route(objects: Objects) -> Iterator[Mistake]:
    """`prefix` for `exact`, the other way round, and a path with a slash more."""
    for index, obj, path, value in parts(objects, ROUTES, "match", "uri"):
        for one, other in (("exact", "prefix"), ("prefix", "exact")):
            if one in value:
                yield Mistake("path of a route", key_of(obj), other, put(index, path, {other: value[one]}))
                yield Mistake("path of a route", key_of(obj), "slash", put(index, path, {one: f"{value[one]}/"}))


def condition_of_a_route(objects: Objects) -> Iterator[Mistake]:
    """A match without one of its conditions, or with a header misspelt."""
    for name in ("method", "headers", "withoutHeaders"):
        for index, obj, path, _ in parts(objects, ROUTES, "match", name):
            yield Mistake("condition of a route", key_of(obj), f"without {name}", left_out(index, path))
    for index, obj, path, value in parts(objects, ROUTES, "match", "headers"):
        for header in value:
            if not header.startswith("@"):
                misspelt = {f"x-{name}" if name == header else name: inner for name, inner in value.items()}
                yield Mistake("condition of a route", key_of(obj), f"x-{header}", put(index, path, misspelt))


def destination_mistaken(objects: Objects) -> Iterator[Mistake]:
    """Another host, in another namespace, or misspelt."""
    hosts = sorted({str(value) for _, _, _, value in scalars(objects, ROUTES, "destination", "host")})
    for index, obj, path, value in scalars(objects, ROUTES, "destination", "host"):
        name, _, rest = str(value).partition(".")
        for other in (f"{name}-svc.{rest}" if rest else f"{name}-svc", *(host for host in hosts if host != value)):
            yield Mistake("destination mistaken", key_of(obj), other, put(index, path, other))


def subset_mistaken(objects: Objects) -> Iterator[Mistake]:
    """Another subset, or labels of another one."""
    names = sorted({str(value) for _, _, _, value in scalars(objects, ROUTES, "destination", "subset")})
    for index, obj, path, value in scalars(objects, ROUTES, "destination", "subset"):
        for other in (f"{value}x", *(name for name in names if name != value)):
            yield Mistake("subset mistaken", key_of(obj), other, put(index, path, other))
    for index, obj, path, value in parts(objects, ("DestinationRule",), "subsets", "labels"):
        for label, found in value.items():
            yield Mistake("subset mistaken", key_of(obj), label, put(index, (*path, label), f"{found}x"))


def weights_swapped(objects: Objects) -> Iterator[Mistake]:
    """The weights of two destinations in each other's place."""
    for index, obj in of_kind(objects, *ROUTES):
        for number, route in enumerate(obj["spec"].get("http") or ()):
            targets = route.get("route") or []
            if len(targets) == 2 and targets[0].get("weight") != targets[1].get("weight"):
                where = ("spec", "http", number, "route")
                change = swapped(index, (*where, 0, "weight"), (*where, 1, "weight"))
                yield Mistake("weights swapped", key_of(obj), route.get("name", str(number)), change)


def port_mistaken(objects: Objects) -> Iterator[Mistake]:
    """Another port: of a destination, of a server, of a policy."""
    for index, obj, path, value in scalars(objects, ROUTES, "destination", "port", "number"):
        yield Mistake("port mistaken", key_of(obj), str(value), put(index, path, value + 1))
    for index, obj, path, value in scalars(objects, ("Gateway",), "servers", "port", "number"):
        yield Mistake("port mistaken", key_of(obj), str(value), put(index, path, 8443 if value != 8443 else 443))
    for index, obj, path, value in scalars(objects, ("AuthorizationPolicy",), "operation", "ports"):
        yield Mistake("port mistaken", key_of(obj), str(value), put(index, path, str(int(value) + 1)))


def host_mistaken(objects: Objects) -> Iterator[Mistake]:
    """A host misspelt, of a server, of routes, of an entry, of a policy."""
    for kinds, steps in (
        (("Gateway",), ("servers", "hosts")),
        (ROUTES, ("hosts",)),
        (("ServiceEntry",), ("hosts",)),
        (("AuthorizationPolicy",), ("operation", "hosts")),
    ):
        for index, obj, path, value in scalars(objects, kinds, *steps):
            if isinstance(value, str) and "." in value and not value.endswith(":*"):
                yield Mistake("host mistaken", key_of(obj), value, put(index, path, value.replace(".", "s.", 1)))


def gateway_mistaken(objects: Objects) -> Iterator[Mistake]:
    """Routes bound to another gateway, or to none; a gateway's selector that selects no pods."""
    names = sorted({str(value) for _, _, _, value in scalars(objects, ROUTES, "gateways")})
    for index, obj, path, value in scalars(objects, ROUTES, "gateways"):
        for other in (f"{value}-gateway", *(name for name in names if name != value)):
            yield Mistake("gateway mistaken", key_of(obj), other, put(index, path, other))
    for index, obj in of_kind(objects, *ROUTES):
        if "gateways" in obj["spec"]:
            yield Mistake("gateway mistaken", key_of(obj), "none", left_out(index, ("spec", "gateways")))
    for index, obj, path, value in scalars(objects, ("Gateway",), "selector", "istio"):
        yield Mistake("gateway mistaken", key_of(obj), f"selector {value}s", put(index, path, f"{value}s"))


def export_mistaken(objects: Objects) -> Iterator[Mistake]:
    """Routes, rules or entries that the namespaces of their callers do not see."""
    for index, obj in of_kind(objects, "VirtualService", "ServiceEntry", "DestinationRule"):
        if obj["spec"].get("exportTo") != ["elsewhere"]:
            change = put(index, ("spec", "exportTo"), ["elsewhere"])
            as_setting = obj["kind"] == "DestinationRule"
            yield Mistake("export mistaken", key_of(obj), "elsewhere", change, shown_as_setting=as_setting)


def tls_mode(objects: Objects) -> Iterator[Mistake]:
    """TLS that is opened, ended or asked for otherwise."""
    for index, obj, path, value in scalars(objects, ("Gateway",), "tls", "mode"):
        for other in ("SIMPLE", "MUTUAL", "PASSTHROUGH", "ISTIO_MUTUAL"):
            if other != value:
                yield Mistake("TLS mode", key_of(obj), f"{value} -> {other}", put(index, path, other))
    for index, obj in of_kind(objects, "DestinationRule"):
        was = obj["spec"].get("trafficPolicy", {}).get("tls", {}).get("mode")
        for other in ("DISABLE", "SIMPLE"):
            if other != was and obj["spec"].get("trafficPolicy"):
                policy = {**copy.deepcopy(obj["spec"]["trafficPolicy"]), "tls": {"mode": other}}
                change = put(index, ("spec", "trafficPolicy"), policy)
                yield Mistake("TLS mode", key_of(obj), f"{was} -> {other}", change)


def server_name(objects: Objects) -> Iterator[Mistake]:
    """Another name in a TLS route, or that a caller sends."""
    for index, obj, path, value in scalars(objects, ROUTES, "match", "sniHosts"):
        yield Mistake("server name", key_of(obj), str(value), put(index, path, f"www.{str(value).lstrip('*.')}"))
    for index, obj, path, value in scalars(objects, ("DestinationRule",), "tls", "sni"):
        yield Mistake("server name", key_of(obj), str(value), put(index, path, f"www.{value}"), shown_as_setting=True)


def origin_mistaken(objects: Objects) -> Iterator[Mistake]:
    """An origin that is allowed and should not be, or with a slash at its end."""
    for index, obj, path, value in scalars(objects, ROUTES, "corsPolicy", "allowOrigins", "exact"):
        yield Mistake("origin mistaken", key_of(obj), str(value), put(index, path, f"{value}/"))
    for index, obj, path, value in scalars(objects, ("AuthorizationPolicy",), "when", "notValues"):
        if str(value).startswith("http"):
            yield Mistake("origin mistaken", key_of(obj), str(value), put(index, path, f"{value}/"))


def sidecar_mistaken(objects: Objects) -> Iterator[Mistake]:
    """A host that a caller no longer sees, or one namespace for another."""
    for index, obj, path, value in scalars(objects, ("Sidecar",), "egress", "hosts"):
        if len(at(obj, path[:-1])) > 1:
            yield Mistake("sidecar mistaken", key_of(obj), f"without {value}", left_out(index, path))
        _, _, host = str(value).partition("/")
        yield Mistake("sidecar mistaken", key_of(obj), f"other {host}", put(index, path, f"elsewhere/{host}"))


def object_forgotten(objects: Objects) -> Iterator[Mistake]:
    """Routes, a gateway, an entry or a Sidecar that is not there."""
    for index, obj in of_kind(objects, "VirtualService", "Gateway", "ServiceEntry", "DestinationRule", "Sidecar"):
        yield Mistake("object forgotten", key_of(obj), "", removed(index))


OPERATORS = (
    order_of_routes, two_routes_swapped, path_of_a_route, condition_of_a_route, destination_mistaken, subset_mistaken,
    weights_swapped, port_mistaken, host_mistaken, gateway_mistaken, export_mistaken, tls_mode, server_name,
    origin_mistaken, sidecar_mistaken, object_forgotten,
)  # fmt: skip
