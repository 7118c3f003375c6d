"""The way of one request through the mesh: gateway, route, and the policies of the pods it arrives at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshlint.reachability import paths
from meshlint.reachability.ambient import is_ambient_caller, waypoint_on_way
from meshlint.reachability.arrival import ASSUMED, assumed_pods, at_pods, pods_behind
from meshlint.reachability.authorization import (
    Arrival,
    Proxy,
    at_waypoint,
    authenticate,
    authorize,
    header,
    is_preflight,
    pods,
)
from meshlint.reachability.calls import takes_call
from meshlint.reachability.connections import MESH, connection_targets, lacks_pods, opens_mtls, shares
from meshlint.reachability.identities import edge_behind, edges, principal_of
from meshlint.reachability.request import INTERNET, PLAINTEXT, Answer, Outcome, Request
from meshlint.reachability.rewriting import rewritten_in_segments
from meshlint.reachability.routing import (
    at_other_port,
    bound_services,
    followed,
    gateway_routes,
    mesh_routes,
    mesh_services,
    own_answer,
    servers_of,
    takes,
)
from meshlint.reachability.scope import hidden
from meshlint.view.fields import elements, mapping, text
from meshlint.view.hosts import fqdn
from meshlint.view.strings import matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshlint.reachability.identities import Edge
    from meshlint.reachability.request import Token
    from meshlint.view.gateway_api.listeners import ApiGateway
    from meshlint.view.kubernetes import Service
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Destination, HttpRoute, Server, VirtualService


def answer(mesh: MeshView, request: Request) -> Answer:
    """What becomes of a request, by the objects alone."""
    if request.caller == INTERNET:
        return _from_outside(mesh, request)
    if request.caller == PLAINTEXT:
        return _at_service(mesh, request, _service_name(mesh, request.host, ""), principal="")
    namespace, _, account = request.caller.partition("/")
    if request.gateway:
        return _straight_to_gateway(mesh, request, principal_of(mesh, namespace, account))
    return _from_inside(mesh, request, namespace, principal_of(mesh, namespace, account))


def _from_outside(mesh: MeshView, request: Request) -> Answer:
    answers: list[Answer] = []
    for edge in edges(mesh):
        if request.gateway not in ("", edge.key):
            continue
        found = _at_gateway(mesh, edge, request)
        if found is not None:
            answers.append(found)
    if not answers:
        return _unserved(mesh, request)
    # Of several gateways for one host the client finds the one that lets it in.
    return min(answers, key=lambda found: list(Outcome).index(found.outcome))


def _straight_to_gateway(mesh: MeshView, request: Request, principal: str) -> Answer:
    """What a workload is answered that opens a connection to a gateway by itself, past its own routes and Sidecar."""
    for edge in edges(mesh):
        found = _at_gateway(mesh, edge, request, principal) if edge.key == request.gateway else None
        if found is not None:
            return found
    return Answer(Outcome.DENIED, 0, "no Gateway", f"none listens on port {request.port} for {request.host}")


def _unserved(mesh: MeshView, request: Request) -> Answer:
    """What a host gets that no gateway serves: where TLS comes first there is no connection for it, at a port with
    plain HTTP its requests pass the gateway's policies and find no route."""
    why = f"none listens on port {request.port} for {request.host}"
    for edge in edges(mesh):
        listens = any(
            server.number == request.port and server.is_http and not server.ends_tls
            for gateway in mesh.programmed_gateways
            if gateway.is_on(edge.namespace, edge.labels)
            for server in gateway.servers
        )
        if listens and request.gateway in ("", edge.key):
            _, _, refusal = _received(mesh, edge, request, "no Gateway")
            return refusal or Answer(Outcome.DENIED, 404, "no Gateway", why)
    return Answer(Outcome.DENIED, 0, "no Gateway", why)


def _received(
    mesh: MeshView, edge: Edge, request: Request, by: str, principal: str = ""
) -> tuple[Request, Token | None, Answer | None]:
    """A request as a gateway reads it, with the token that it has verified, and what it refuses before it routes."""
    return _read(mesh, Proxy(edge.namespace, edge.labels, request.port), request, principal, by)


def _read(
    mesh: MeshView, proxy: Proxy, request: Request, principal: str, by: str
) -> tuple[Request, Token | None, Answer | None]:
    read = paths.read(mesh, request)
    if read is None:
        return request, None, paths.bad(by)
    unread = paths.refused(mesh, proxy, read)
    if unread is not None:
        return read, None, unread
    read, verified, refusal = authenticate(mesh, proxy, read)
    if refusal is not None:
        return read, None, refusal
    verdict = authorize(mesh, proxy, Arrival(read, principal, verified))
    return read, verified, None if verdict.outcome is Outcome.ALLOWED else verdict


def _at_gateway(mesh: MeshView, edge: Edge, request: Request, principal: str = "") -> Answer | None:
    servers = servers_of(mesh, edge, request)
    if not servers:
        return None
    server = servers[0]
    mode = server.tls.get("mode")
    if why := text(server.tls, "refused"):
        return Answer(Outcome.DENIED, 0, server.obj.key, why)
    # A certificate that the mesh has issued is no client's outside.
    if not principal and (mode == "ISTIO_MUTUAL" or (mode == "MUTUAL" and not request.client_certificate)):
        return Answer(Outcome.DENIED, 0, server.obj.key, "it asks for a client certificate")
    if not server.is_http:
        return _connected(mesh, edge, servers, request, principal)
    request, verified, refusal = _received(mesh, edge, request, server.obj.key, principal)
    if refusal is not None:
        return refusal
    if server.redirects:
        return Answer(Outcome.REDIRECTED, 301, server.obj.key, "its server redirects to https")
    routes = gateway_routes(mesh, servers, request, edge.namespace)
    found = _routed(mesh, request, routes, verified, edge.principal)
    return found or Answer(Outcome.DENIED, 404, server.obj.key, "no route takes the request")


def _connected(mesh: MeshView, edge: Edge, servers: Sequence[Server], request: Request, principal: str) -> Answer:
    """A connection that a gateway passes on without reading requests."""
    server = servers[0]
    verdict = authorize(mesh, Proxy(edge.namespace, edge.labels, request.port), Arrival(request, principal, None))
    if verdict.outcome is not Outcome.ALLOWED:
        return replace(verdict, status=0)
    services = bound_services(mesh, servers, request.host.lower(), edge.namespace)
    gateways = tuple(one.owner.key for one in servers)
    block = "tcp" if server.protocol == "TCP" or server.ends_tls else "tls"
    for service, targets in connection_targets(
        services, gateways, host=request.host.lower(), port=request.port, block=block
    ):
        return _passed_on(mesh, service, targets)
    return Answer(Outcome.DENIED, 0, server.obj.key, f"no {block} route takes the connection")


def _passed_on(mesh: MeshView, service: VirtualService, targets: Sequence[Destination]) -> Answer:
    for target in targets:
        if lacks := lacks_pods(mesh, target):
            return Answer(Outcome.DENIED, 0, service.obj.key, lacks)
    goes_to = targets[0].fqdn if targets else ""
    why = "it passes the connection on without reading requests"
    return Answer(Outcome.ALLOWED, 0, service.obj.key, why, goes_to, shares(mesh, targets))


def _from_inside(mesh: MeshView, request: Request, namespace: str, principal: str) -> Answer:
    host = mesh.once(("name", request.host, namespace), lambda: _service_name(mesh, request.host, namespace))
    if is_ambient_caller(mesh, namespace, principal):
        # No proxy of the caller's reads what it sends: routes are at the waypoint, if there is one.
        return _at_service(mesh, request, host, principal, namespace=namespace)
    unseen = hidden(mesh, host, namespace, principal.rpartition("/")[2], request.port)
    read = paths.read(mesh, request)
    if unseen is not None and not unseen.status:
        return unseen
    if read is None:
        return paths.bad(f"the sidecar of {request.caller}")
    if unseen is not None:
        return unseen
    request = read
    routes = [route for route in mesh_routes(mesh, host, namespace) if not at_other_port(route, request.port)]
    if routes:
        found = _routed(mesh, request, routes, None, principal, namespace)
        return found or Answer(Outcome.DENIED, 404, routes[0].obj.key, "no route takes the request")
    return _from_inside_by_connection(mesh, request, host, namespace, principal)


def _from_inside_by_connection(mesh: MeshView, request: Request, host: str, namespace: str, principal: str) -> Answer:
    """The way of a host that has no HTTP routes for callers in the mesh: by its TLS or TCP routes, or straight."""
    services = mesh_services(mesh, host, namespace)
    for block in ("tls", "tcp"):
        for service, targets in connection_targets(services, MESH, host=host, port=request.port, block=block):
            answers = [_at_target(mesh, request, target, principal, namespace, service) for target in targets]
            strictest = max(answers, key=lambda found: found.outcome is not Outcome.ALLOWED)
            return replace(strictest, shares=shares(mesh, targets))
    return _at_service(mesh, request, host, principal, namespace=namespace)


def _at_target(
    mesh: MeshView, request: Request, target: Destination, principal: str, namespace: str, service: VirtualService
) -> Answer:
    if lacks := lacks_pods(mesh, target):
        return Answer(Outcome.DENIED, 0, service.obj.key, lacks)
    return _at_service(mesh, request, target.fqdn, principal, target.port, namespace=namespace, subset=target.subset)


def _routed(
    mesh: MeshView,
    request: Request,
    routes: Sequence[HttpRoute],
    verified: Token | None,
    principal: str,
    namespace: str = "",
) -> Answer | None:
    for declared in routes:
        if not takes(declared, request, verified, namespace):
            continue
        if mesh.narrowed_routes and not takes_call(mesh, declared, request):
            continue
        route = followed(mesh, declared, request, verified, namespace)
        if route is None:
            continue
        name = f"route {route.name}" if route.name else f"route {route.path[-1]}"
        own = own_answer(route)
        if own is not None:
            status, why = own
            return Answer(_outcome(status), status, route.obj.key, f"{name} answers{f': {why}' if why else ''}")
        if _is_answered_preflight(route, request):
            return Answer(Outcome.ALLOWED, 200, route.obj.key, f"{name} answers the CORS preflight")
        return _forwarded(mesh, route, _rewritten(route, request), principal, namespace)
    return None


def _forwarded(mesh: MeshView, route: HttpRoute, sent: Request, principal: str, namespace: str) -> Answer | None:
    answers: list[Answer] = []
    for destination in route.destinations:
        if destination.weight == 0:
            continue
        if lacks := lacks_pods(mesh, destination):
            status = 500 if destination.refused else 503
            answers.append(Answer(Outcome.DENIED, status, route.obj.key, lacks, destination.fqdn))
            continue
        answers.append(
            _at_service(
                mesh, sent, destination.fqdn, principal, destination.port,
                namespace=namespace, subset=destination.subset,
            )
        )  # fmt: skip
    if not answers:
        return None
    # Weighted destinations: the request may meet any of them, so the strictest answer is what can happen.
    strictest = max(answers, key=lambda found: found.outcome is not Outcome.ALLOWED)
    if len(route.destinations) == 1 and not route.destinations[0].subset:
        return strictest
    key = ("shares", *((target.fqdn, target.subset, target.weight) for target in route.destinations))
    return replace(strictest, shares=mesh.once(key, lambda: shares(mesh, route.destinations)))


def _outcome(status: int) -> Outcome:
    if status == 401:
        return Outcome.CHALLENGED
    if 300 <= status < 400:
        return Outcome.REDIRECTED
    return Outcome.ALLOWED if status < 300 else Outcome.DENIED


def _is_answered_preflight(route: HttpRoute, request: Request) -> bool:
    origin = header(request, "origin")
    policy = mapping(route.raw, "corsPolicy")
    if not policy or not origin or not is_preflight(request):
        return False
    return any(matches(allowed, origin) for allowed in elements(policy, "allowOrigins"))


def _rewritten(route: HttpRoute, request: Request) -> Request:
    rewrite = mapping(route.raw, "rewrite")
    path = text(rewrite, "uri")
    if route.owner.from_gateway_api:
        request = replace(request, path=rewritten_in_segments(route, request.path))
    elif path:
        path_only, question, query = request.path.partition("?")
        prefix = next(
            (
                text(match, "uri", "prefix")
                for match in route.matches
                if text(match, "uri", "prefix") and path_only.startswith(text(match, "uri", "prefix"))
            ),
            path_only,
        )
        request = replace(request, path=path + path_only[len(prefix) :] + question + query)
    return replace(request, host=text(rewrite, "authority") or request.host)


def _at_service(
    mesh: MeshView, request: Request, host: str, principal: str, port: int | None = None, *,
    namespace: str = "", subset: str = "",
) -> Answer:  # fmt: skip
    at = port or request.port
    ambient = is_ambient_caller(mesh, namespace, principal)
    if principal and not ambient and not opens_mtls(mesh, host, subset, at) and host.endswith(_INSIDE):
        # A DestinationRule has the caller open the connection without its certificate.
        principal = ""
    edge = edge_behind(mesh, host)
    if edge is not None and namespace and edge.key != request.gateway:
        found = _at_gateway(mesh, edge, replace(request, port=at, gateway=edge.key), principal)
        why = f"none listens on port {at} for {request.host}"
        return found or Answer(Outcome.DENIED, 0, "no Gateway", why)
    service = mesh.service_by_fqdn.get(host)
    waypoint = waypoint_on_way(mesh, service, namespace, principal)
    if service is not None and waypoint is not None:
        return _through_waypoint(mesh, replace(request, port=at), service, waypoint, principal)
    if service is None:
        assumed = assumed_pods(mesh, host, at)
        if assumed is None:
            return _outside_service(mesh, host, at, namespace, ambient=ambient)
        found = at_pods(mesh, request, host, assumed, principal)
        return replace(found, why=f"{found.why}{ASSUMED}")
    answers = [
        at_pods(mesh, request, host, pods(mesh, service.obj.namespace, labels, target), principal)
        for labels, target in mesh.once(("pods", host, at), lambda: pods_behind(mesh, service, at))
    ]
    return max(answers, key=lambda found: found.outcome is not Outcome.ALLOWED)


_INSIDE = ".svc.cluster.local"


def _outside_service(mesh: MeshView, host: str, port: int, namespace: str, *, ambient: bool) -> Answer:
    entries = mesh.entries_for(host, namespace or None)
    if entries:
        return Answer(Outcome.ALLOWED, 200, entries[0].obj.key, f"it names {host}", host)
    if ambient:
        return Answer(Outcome.ALLOWED, 200, "ztunnel", "it lets connections to every host through", f"{host}:{port}")
    if mesh.registry_only:
        return Answer(Outcome.DENIED, 502, "outboundTrafficPolicy", f"REGISTRY_ONLY, and no ServiceEntry names {host}")
    return Answer(Outcome.ALLOWED, 200, "outboundTrafficPolicy", "ALLOW_ANY lets every host through", f"{host}:{port}")


def _through_waypoint(
    mesh: MeshView, request: Request, service: Service, waypoint: ApiGateway, principal: str
) -> Answer:
    """A request by way of a waypoint: its policies, the routes of the Service, and then the pods as the waypoint meets
    them, which see its identity."""
    request, verified, refusal = _read(
        mesh, at_waypoint(waypoint, service, request.port), request, principal, waypoint.obj.key
    )
    if refusal is not None:
        return replace(refusal, destination=service.fqdn)
    own = principal_of(mesh, waypoint.obj.namespace, waypoint.service_account)
    routes = mesh_routes(mesh, service.fqdn, service.obj.namespace)
    routes = [route for route in routes if not at_other_port(route, request.port)]
    if not routes:
        return _at_service(mesh, request, service.fqdn, own)
    found = _routed(mesh, request, routes, verified, own)
    return found or Answer(Outcome.DENIED, 404, routes[0].obj.key, "no route takes the request")


def _service_name(mesh: MeshView, host: str, namespace: str) -> str:
    """A host as the cluster's DNS resolves it for a pod of a namespace."""
    name = host.partition(":")[0].lower()
    for candidate in (name, fqdn(name, namespace), f"{name}.svc.cluster.local", f"{name}.cluster.local"):
        if candidate in mesh.service_by_fqdn:
            return candidate
    return name
