"""The way of one request through the mesh: gateway, route, and the policies of the pods it arrives at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshlint.reachability import paths
from meshlint.reachability.authorization import Arrival, Proxy, authenticate, authorize, header, is_preflight, mtls_mode
from meshlint.reachability.calls import takes_call
from meshlint.reachability.request import INTERNET, PLAINTEXT, Answer, Outcome, Request
from meshlint.reachability.routing import followed, gateway_routes, mesh_routes, own_answer, servers_of, takes
from meshlint.view.fields import elements, mapping, strings, text
from meshlint.view.hosts import covers, fqdn
from meshlint.view.kubernetes import selects
from meshlint.view.strings import matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshlint.reachability.request import Token
    from meshlint.view.kubernetes import Service
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@dataclass(frozen=True, slots=True)
class Edge:
    """The pods of a gateway. `principal` is empty where no object says which service account they run as."""

    name: str
    namespace: str
    labels: dict[str, str]
    principal: str


def edges(mesh: MeshView) -> list[Edge]:
    """Every gateway's pods: from charts and Deployments; else one for each selector of a Gateway object."""
    known = [
        Edge(pods.name, pods.namespace, pods.labels, _principal(mesh, pods.namespace, pods.service_account))
        for pods in mesh.gateway_workloads
    ]
    if known:
        return known
    selectors = {tuple(sorted(gateway.selector.items())): gateway for gateway in mesh.gateways}
    return [Edge(first.obj.name, first.obj.namespace, dict(labels), "") for labels, first in selectors.items()]


def answer(mesh: MeshView, request: Request) -> Answer:
    """What becomes of a request, by the objects alone."""
    if request.caller == INTERNET:
        return _from_outside(mesh, request)
    if request.caller == PLAINTEXT:
        return _at_service(mesh, request, _service_name(mesh, request.host, ""), principal="")
    namespace, _, account = request.caller.partition("/")
    return _from_inside(mesh, request, namespace, _principal(mesh, namespace, account))


def _principal(mesh: MeshView, namespace: str, account: str) -> str:
    return f"{mesh.trust_domain}/ns/{namespace}/sa/{account}"


def _from_outside(mesh: MeshView, request: Request) -> Answer:
    answers: list[Answer] = []
    for edge in edges(mesh):
        if request.gateway not in ("", f"{edge.namespace}/{edge.name}"):
            continue
        found = _at_gateway(mesh, edge, request)
        if found is not None:
            answers.append(found)
    if not answers:
        return _unserved(mesh, request)
    # Of several gateways for one host the client finds the one that lets it in.
    return min(answers, key=lambda found: list(Outcome).index(found.outcome))


def _unserved(mesh: MeshView, request: Request) -> Answer:
    """What a host gets that no gateway serves: where TLS comes first there is no connection for it, at a port with
    plain HTTP its requests pass the gateway's policies and find no route."""
    why = f"none listens on port {request.port} for {request.host}"
    for edge in edges(mesh):
        listens = any(
            server.number == request.port and server.is_http and not server.ends_tls
            for gateway in mesh.gateways
            if selects(gateway.selector, edge.labels)
            for server in gateway.servers
        )
        if listens and request.gateway in ("", f"{edge.namespace}/{edge.name}"):
            _, _, refusal = _received(mesh, edge, request, "no Gateway")
            return refusal or Answer(Outcome.DENIED, 404, "no Gateway", why)
    return Answer(Outcome.DENIED, 0, "no Gateway", why)


def _received(mesh: MeshView, edge: Edge, request: Request, by: str) -> tuple[Request, Token | None, Answer | None]:
    """A request as a gateway reads it, with the token that it has verified, and what it refuses before it routes."""
    proxy = Proxy(edge.namespace, edge.labels, request.port)
    read = paths.read(mesh, request)
    if read is None:
        return request, None, paths.bad(by)
    unread = paths.refused(mesh, proxy, read)
    if unread is not None:
        return read, None, unread
    verified, refusal = authenticate(mesh, proxy, read)
    if refusal is not None:
        return read, None, refusal
    verdict = authorize(mesh, proxy, Arrival(read, "", verified))
    return read, verified, None if verdict.outcome is Outcome.ALLOWED else verdict


def _at_gateway(mesh: MeshView, edge: Edge, request: Request) -> Answer | None:
    servers = servers_of(mesh, edge.labels, request)
    if not servers:
        return None
    server = servers[0]
    if server.tls.get("mode") in ("MUTUAL", "ISTIO_MUTUAL") and not request.client_certificate:
        return Answer(Outcome.DENIED, 0, server.obj.key, "it asks for a client certificate")
    if not server.is_http:
        return Answer(Outcome.ALLOWED, 0, server.obj.key, "it passes the connection on without reading requests")
    request, verified, refusal = _received(mesh, edge, request, server.obj.key)
    if refusal is not None:
        return refusal
    if server.redirects:
        return Answer(Outcome.REDIRECTED, 301, server.obj.key, "its server redirects to https")
    routes = gateway_routes(mesh, servers, request)
    found = _routed(mesh, request, routes, verified, edge.principal)
    return found or Answer(Outcome.DENIED, 404, server.obj.key, "no route takes the request")


def _from_inside(mesh: MeshView, request: Request, namespace: str, principal: str) -> Answer:
    host = _service_name(mesh, request.host, namespace)
    hidden = _hidden(mesh, host, namespace, principal, request.port)
    read = paths.read(mesh, request)
    if hidden is not None and not hidden.status:
        return hidden
    if read is None:
        return paths.bad(f"the sidecar of {request.caller}")
    if hidden is not None:
        return hidden
    request = read
    routes = mesh_routes(mesh, host)
    if routes:
        found = _routed(mesh, request, routes, None, principal, namespace)
        return found or Answer(Outcome.DENIED, 404, routes[0].obj.key, "no route takes the request")
    return _at_service(mesh, request, host, principal)


def _routed(
    mesh: MeshView,
    request: Request,
    routes: Sequence[HttpRoute],
    verified: Token | None,
    principal: str,
    namespace: str = "",
) -> Answer | None:
    for declared in routes:
        if not takes(declared, request, verified, namespace) or not takes_call(mesh, declared, request):
            continue
        route = followed(mesh, declared, request, verified, namespace)
        if route is None:
            continue
        name = f"route {route.name}" if route.name else f"route {route.path[-1]}"
        own = own_answer(route)
        if own is not None:
            return Answer(_outcome(own[0]), own[0], route.obj.key, f"{name} answers")
        if _is_answered_preflight(route, request):
            return Answer(Outcome.ALLOWED, 200, route.obj.key, f"{name} answers the CORS preflight")
        sent = _rewritten(route, request)
        answers = [
            _at_service(mesh, sent, destination.fqdn, principal, destination.port)
            for destination in route.destinations
            if destination.weight != 0
        ]
        # Weighted destinations: the request may meet any of them, so the strictest answer is what can happen.
        return max(answers, key=lambda found: found.outcome is not Outcome.ALLOWED) if answers else None
    return None


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
    if path:
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


def _at_service(mesh: MeshView, request: Request, host: str, principal: str, port: int | None = None) -> Answer:
    service = mesh.service_by_fqdn.get(host)
    if service is None:
        assumed = _assumed_pods(host, port or request.port)
        if assumed is None:
            return _outside_service(mesh, host, port or request.port)
        found = _at_pods(mesh, request, host, assumed, principal)
        return replace(found, why=f"{found.why} (the objects show no such Service; pods labelled app are assumed)")
    answers = [
        _at_pods(mesh, request, host, Proxy(service.obj.namespace, labels, target), principal)
        for labels, target in _pods(mesh, service, port or request.port)
    ]
    return max(answers, key=lambda found: found.outcome is not Outcome.ALLOWED)


def _assumed_pods(host: str, port: int) -> Proxy | None:
    """The pods behind a Service that the objects do not show, labelled as nearly everybody labels them."""
    name, _, rest = host.partition(".")
    namespace, _, domain = rest.partition(".")
    return Proxy(namespace, {"app": name}, port) if domain == "svc.cluster.local" else None


def _outside_service(mesh: MeshView, host: str, port: int) -> Answer:
    entries = mesh.entries_for(host)
    if entries:
        return Answer(Outcome.ALLOWED, 200, entries[0].obj.key, f"it names {host}", host)
    if mesh.registry_only:
        return Answer(Outcome.DENIED, 502, "outboundTrafficPolicy", f"REGISTRY_ONLY, and no ServiceEntry names {host}")
    return Answer(Outcome.ALLOWED, 200, "outboundTrafficPolicy", "ALLOW_ANY lets every host through", f"{host}:{port}")


def _pods(mesh: MeshView, service: Service, port: int) -> list[tuple[dict[str, str], int]]:
    """The label sets of the pods behind a Service, and their port; the Service's selector where none is shown."""
    declared = next((candidate for candidate in service.ports if candidate.number == port), None)
    target = declared.target if declared is not None and isinstance(declared.target, int) else port
    distinct = {tuple(sorted(workload.labels.items())) for workload in mesh.backends(service)}
    return [(dict(labels), target) for labels in sorted(distinct)] or [(service.selector, target)]


def _at_pods(mesh: MeshView, request: Request, host: str, proxy: Proxy, principal: str) -> Answer:
    mode, by = mtls_mode(mesh, proxy)
    if mode == "STRICT" and not principal:
        return Answer(Outcome.DENIED, 0, by, "STRICT mTLS: a connection without a certificate is reset", host)
    proven = "" if mode == "DISABLE" else principal
    read = paths.read(mesh, request)
    if read is None:
        return replace(paths.bad("its proxy"), destination=host)
    request = read
    unread = paths.refused(mesh, proxy, request)
    if unread is not None:
        return replace(unread, destination=host)
    verified, refusal = authenticate(mesh, proxy, request)
    if refusal is not None:
        return replace(refusal, destination=host)
    return replace(authorize(mesh, proxy, Arrival(request, proven, verified)), destination=host)


def _service_name(mesh: MeshView, host: str, namespace: str) -> str:
    """A host as the cluster's DNS resolves it for a pod of a namespace."""
    name = host.partition(":")[0].lower()
    for candidate in (name, fqdn(name, namespace), f"{name}.svc.cluster.local", f"{name}.cluster.local"):
        if candidate in mesh.service_by_fqdn:
            return candidate
    return name


def _hidden(mesh: MeshView, host: str, namespace: str, principal: str, port: int) -> Answer | None:
    """The refusal of the caller's Sidecar, where it keeps the host out of the caller's sight."""
    account = principal.rpartition("/")[2]
    labels = [pods.labels for pods in mesh.workloads_by_namespace.get(namespace, ()) if pods.service_account == account]
    sidecars = [
        (2 if mapping(obj.spec, "workloadSelector") else 1 if obj.namespace == namespace else 0, obj)
        for obj in mesh.istio("Sidecar")
        if obj.namespace in (namespace, mesh.root_namespace)
        and (
            not mapping(obj.spec, "workloadSelector")
            or any(selects(mapping(obj.spec, "workloadSelector", "labels"), found) for found in labels)
        )
    ]
    if not sidecars:
        return None
    rank = max(rank for rank, _ in sidecars)
    sidecar = next(obj for found, obj in sidecars if found == rank)
    listed = [entry for egress in elements(sidecar.spec, "egress") for entry in strings(egress, "hosts")]
    if not listed or any(_lists(entry, host, namespace, mesh) for entry in listed):
        return None
    mode = text(sidecar.spec, "outboundTrafficPolicy", "mode") or ("REGISTRY_ONLY" if mesh.registry_only else "")
    if mode != "REGISTRY_ONLY":
        return None
    why = f"it does not list {host}, and nothing else is reached"
    return Answer(Outcome.DENIED, 502 if _reads_requests(mesh, listed, namespace, port) else 0, sidecar.key, why)


def _reads_requests(mesh: MeshView, listed: Sequence[str], namespace: str, port: int) -> bool:
    """Whether a sidecar reads HTTP at a port, for some host that it lists there; else it only ends the connection."""
    spoken = [(service.fqdn, service.ports) for service in mesh.services]
    spoken += [(host, entry.ports) for host, entries in mesh.service_entries_by_host.items() for entry in entries]
    return any(
        one.number == port and one.protocol in _HTTP and any(_lists(entry, host, namespace, mesh) for entry in listed)
        for host, ports in spoken
        for one in ports
    )


_HTTP = frozenset({"http", "http2", "grpc", "grpc-web", "h2c"})


def _lists(entry: str, host: str, namespace: str, mesh: MeshView) -> bool:
    where, _, pattern = entry.partition("/")
    service = mesh.service_by_fqdn.get(host)
    homes = {service.obj.namespace} if service else {found.obj.namespace for found in mesh.entries_for(host)}
    if where != "*" and (namespace if where == "." else where) not in homes:
        return False
    return covers(pattern, host) or covers(host, pattern)
