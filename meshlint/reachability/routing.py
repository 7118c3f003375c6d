"""Which route of a gateway, or of the mesh, takes a request.

Sources: istio.io/latest/docs/reference/config/networking (gateway, virtual-service); the order in which istiod merges
the VirtualServices of a host at a gateway is that of pilot/pkg/networking/core/gateway.go.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from meshlint.reachability.authorization import claim_values, header
from meshlint.view.fields import mapping, strings, text, whole
from meshlint.view.hosts import covers
from meshlint.view.routing import MESH_GATEWAY, HttpRoute, Server, VirtualService
from meshlint.view.strings import matches
from meshlint.view.token_claims import claim_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshlint.reachability.identities import Edge
    from meshlint.reachability.request import Request, Token
    from meshlint.view.fields import Json
    from meshlint.view.mesh import MeshView


def servers_of(mesh: MeshView, edge: Edge, request: Request) -> list[Server]:
    """The servers of Gateways on some pods that listen on the port for the host; the most specific host wins."""
    key = ("servers", edge.key, tuple(sorted(edge.labels.items())), request.host, request.port)
    return mesh.once(key, lambda: _servers_of(mesh, edge, request))


def _servers_of(mesh: MeshView, edge: Edge, request: Request) -> list[Server]:
    name = request.host.lower()
    found: list[tuple[int, Server]] = []
    for gateway in mesh.programmed_gateways:
        if not gateway.is_on(edge.namespace, edge.labels):
            continue
        for server in gateway.servers:
            fitting = [host for _, host in server.hosts if covers(host, name)]
            if server.number == request.port and fitting:
                found.append((max(_specific(host) for host in fitting), server))
    best = max((rank for rank, _ in found), default=0)
    return [server for rank, server in found if rank == best]


def _specific(host: str) -> int:
    """A name without wildcard is more specific than any pattern; of two patterns the longer one is."""
    return len(host) if host.startswith("*") else 1_000 + len(host)


def gateway_routes(mesh: MeshView, servers: Sequence[Server], request: Request, namespace: str) -> list[HttpRoute]:
    """The routes that a gateway in a namespace tries for a host, in the order in which istiod puts them."""
    key = ("gateway routes", tuple(map(id, servers)), request.host, namespace)
    return mesh.once(key, lambda: _gateway_routes(mesh, servers, request.host.lower(), namespace))


def _gateway_routes(mesh: MeshView, servers: Sequence[Server], host: str, namespace: str) -> list[HttpRoute]:
    candidates = bound_services(mesh, servers, host, namespace)
    return _ordered(_of_narrowest_host(candidates, host), tuple(server.owner.key for server in servers))


def bound_services(mesh: MeshView, servers: Iterable[Server], host: str, namespace: str) -> list[VirtualService]:
    """The VirtualServices of a host that are bound to the servers' Gateways, and that the gateway's namespace sees."""
    keys = {server.owner.key: server for server in servers}
    return [
        service
        for service in mesh.programmed_services_covering(host)
        if any(_bound(service, gateway, server, host) for gateway, server in keys.items())
        and is_exported(mesh, service, namespace)
    ]


def is_exported(mesh: MeshView, service: VirtualService, namespace: str) -> bool:
    """Whether proxies of a namespace see a VirtualService (`exportTo`, else the mesh's default)."""
    exported = strings(service.obj.spec, "exportTo") or mesh.once("default exportTo", lambda: _default_export(mesh))
    if not exported or "*" in exported or namespace in exported:
        return True
    return "." in exported and service.obj.namespace == namespace


def _default_export(mesh: MeshView) -> list[str]:
    return [name for config in mesh.mesh_configs for name in strings(config.values, "defaultVirtualServiceExportTo")]


def _bound(service: VirtualService, gateway: str, server: Server, host: str) -> bool:
    if gateway not in service.gateways:
        return False
    namespaces = {namespace for namespace, pattern in server.hosts if covers(pattern, host) or covers(host, pattern)}
    return "*" in namespaces or service.obj.namespace in namespaces


def mesh_routes(mesh: MeshView, host: str, namespace: str) -> list[HttpRoute]:
    """The routes of a host for callers in a namespace of the mesh."""
    return mesh.once(
        ("mesh routes", host, namespace),
        lambda: _ordered(mesh_services(mesh, host, namespace), (MESH_GATEWAY,)),
    )


def mesh_services(mesh: MeshView, host: str, namespace: str) -> list[VirtualService]:
    """The VirtualService of a host for callers in the mesh: of two the oldest one owns it alone.

    Routes of Gateway API are several for one host, and those of the caller's own namespace win.
    """
    home = _home(mesh, host)
    owners = [
        service
        for service in mesh.programmed_services_covering(host)
        if service.in_mesh
        and is_exported(mesh, service, namespace)
        and (not service.from_gateway_api or service.obj.namespace in (namespace, home))
    ]
    fitting = _of_narrowest_host(owners, host)
    fitting.sort(key=lambda found: (not (found.from_gateway_api and found.obj.namespace == namespace), found.age))
    if not fitting or not fitting[0].from_gateway_api:
        return fitting[:1]
    first = fitting[0].obj.namespace
    return [service for service in fitting if service.from_gateway_api and service.obj.namespace == first]


def _home(mesh: MeshView, host: str) -> str:
    """The namespace of what has a host."""
    if host.endswith(".svc.cluster.local"):
        return host.split(".")[1]
    return next((entry.obj.namespace for entry in mesh.entries_for(host)), "")


def at_other_port(route: HttpRoute, port: int) -> bool:
    """Whether a route of Gateway API is for other ports of a Service than this one, where its own way goes on."""
    named = [whole(match, "port") for match in route.matches]
    return route.owner.from_gateway_api and bool(named) and all(one not in (None, port) for one in named)


def _of_narrowest_host(services: Sequence[VirtualService], host: str) -> list[VirtualService]:
    ranked = [
        (max((_specific(name) for name in service.fqdns if covers(name, host)), default=0), service)
        for service in services
    ]
    best = max((rank for rank, _ in ranked), default=0)
    return [service for rank, service in ranked if rank == best and rank > 0]


def _ordered(services: list[VirtualService], gateways: tuple[str, ...]) -> list[HttpRoute]:
    services = sorted(services, key=lambda service: service.age)
    routes = [route for service in services for route in service.http]
    if len(services) > 1:
        # Where several VirtualServices share a host, istiod moves routes that take everything to the end.
        routes.sort(key=lambda route: route.takes_everything)
    return [
        route
        for route in routes
        if not route.matches or any(set(route.gateways_of(match)) & set(gateways) for match in route.matches)
    ]


def takes(route: HttpRoute, request: Request, verified: Token | None, caller_namespace: str = "") -> bool:
    """Whether a route's matches take a request; `verified` is the token that the proxy itself has verified."""
    if not route.matches:
        return True
    path = request.path.partition("?")[0]
    return any(_takes(match, path, request, verified, caller_namespace) for match in route.matches)


def followed(
    mesh: MeshView, route: HttpRoute, request: Request, verified: Token | None, caller_namespace: str = ""
) -> HttpRoute | None:
    """The route itself, or that of the VirtualService to which it delegates, with what the delegate leaves open."""
    delegate = mapping(route.raw, "delegate")
    if not delegate:
        return route
    wanted = (text(delegate, "namespace") or route.owner.obj.namespace, text(delegate, "name"))
    for service in mesh.virtual_services:
        if (service.obj.namespace, service.obj.name) != wanted:
            continue
        for inner in service.http:
            if takes(inner, request, verified, caller_namespace):
                own = {name: value for name, value in route.raw.items() if name not in ("delegate", "match")}
                return replace(inner, raw={**own, **inner.raw}, matches=inner.matches or route.matches)
    return None


def _takes(match: Json, path: str, request: Request, verified: Token | None, caller_namespace: str) -> bool:
    uri, method = match.get("uri"), match.get("method")
    if uri and not matches(uri, path, ignore_case=match.get("ignoreUriCase") is True):
        return False
    if method and not matches(method, request.method):
        return False
    headers: Json = match.get("headers") or {}
    if not all(_header(name, headers[name] or {}, request, verified) for name in headers):
        return False
    without: Json = match.get("withoutHeaders") or {}
    if any(_header(name, without[name] or {}, request, verified, empty_if_missing=True) for name in without):
        return False
    return _SELDOM.isdisjoint(match) or _takes_seldom(match, request, caller_namespace)


_SELDOM = frozenset({"authority", "scheme", "port", "sourceNamespace", "queryParams"})


def _takes_seldom(match: Json, request: Request, caller_namespace: str) -> bool:
    port = whole(match, "port")
    return (
        matches(mapping(match, "authority"), request.host)
        and matches(mapping(match, "scheme"), "http" if request.port == 80 else "https")
        and (port is None or port == request.port)
        and text(match, "sourceNamespace") in ("", caller_namespace)
        and all(
            _query(name, mapping(match, "queryParams", name), request.path) for name in mapping(match, "queryParams")
        )
    )


_claim_of = functools.lru_cache(maxsize=4096)(claim_of)


def _header(
    name: str, match: Json, request: Request, verified: Token | None, *, empty_if_missing: bool = False
) -> bool:
    if claim := _claim_of(name):
        return verified is not None and any(matches(match, value) for value in claim_values(verified, claim))
    value = header(request, name.lower())
    if not match:
        return value is not None
    if value is None:
        return empty_if_missing and matches(match, "")
    return matches(match, value)


def _query(name: str, match: Json, path: str) -> bool:
    values = dict(parse_qsl(path.partition("?")[2], keep_blank_values=True))
    return name in values and matches(match, values[name])


def own_answer(route: HttpRoute) -> tuple[int, str] | None:
    """The status of a route that the proxy answers itself, and why, where that is not plain to see; None for one that
    forwards."""
    direct = mapping(route.raw, "directResponse")
    if direct:
        return whole(direct, "status") or 200, text(direct, "why")
    redirect = mapping(route.raw, "redirect")
    if redirect:
        return whole(redirect, "redirectCode") or 301, ""
    return None
