"""What istiod programs by Gateway API: Gateways and VirtualServices, which join those of Istio's own API.

Source: istiod's conversion (pilot/pkg/config/kube/gateway): a Gateway for each listener, and a VirtualService for each
host of the routes at it; routes of one host are merged, the oldest first.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.view.fields import Json, elements, mapping, text, whole
from meshlint.view.gateway_api.ambient import Ambient
from meshlint.view.gateway_api.attachment import is_isolated, lets_routes_of
from meshlint.view.gateway_api.istio_routes import connection_routes, http_routes, precedence
from meshlint.view.hosts import HostIndex, covers
from meshlint.view.routing import MESH_GATEWAY, Gateway, HttpRoute, Server, VirtualService, http_route
from meshlint.view.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshlint.view.gateway_api.attachment import Attachment
    from meshlint.view.gateway_api.listeners import ApiGateway, Listener
    from meshlint.view.gateway_api.routes import Backend, Parent, Route
    from meshlint.view.manifest import Manifest

_TLS_MODES = {"MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_MUTUAL"}
_ANYTHING: tuple[Json, ...] = ({},)
TLS_MODE_OPTION = "gateway.istio.io/tls-terminate-mode"


class Programmed(Traffic, Ambient):
    """Istio's own Gateways and VirtualServices, and those that it makes of Gateway API."""

    @cached_property
    def programmed_gateways(self) -> list[Gateway]:
        """Every Gateway that proxies get."""
        made = [
            self._gateway(listener)
            for gateway in self.api_gateways
            if gateway.routes_requests
            for listener in gateway.listeners
            if listener.is_programmed
        ]
        return [*self.gateways, *made] if made else self.gateways

    @cached_property
    def programmed_services(self) -> list[VirtualService]:
        """Every VirtualService that proxies get."""
        made = [*self._at_gateways(), *self._in_mesh()] if self.api_routes else []
        return [*self.virtual_services, *made] if made else self.virtual_services

    @cached_property
    def programmed_routes(self) -> list[HttpRoute]:
        """The HTTP routes of all of them."""
        return [route for service in self.programmed_services for route in service.http]

    @cached_property
    def served_hosts(self) -> frozenset[str]:
        """Host patterns that gateways of either API serve."""
        listeners = (listener for gateway in self.api_gateways for listener in gateway.listeners)
        return super().served_hosts | {listener.hostname for listener in listeners if listener.hostname != "*"}

    @cached_property
    def _programmed_by_host(self) -> HostIndex[VirtualService]:
        return HostIndex(
            (host, service)
            for service in self.programmed_services
            for host in dict.fromkeys((*service.hosts, *service.fqdns))
        )

    def programmed_services_covering(self, host: str) -> list[VirtualService]:
        """Those whose hosts name this one, or cover it by a wildcard."""
        return list(dict.fromkeys(self._programmed_by_host.covering(host)))

    def programmed_services_of(self, host: str) -> list[VirtualService]:
        """Those that name exactly this host."""
        return [service for service in self.programmed_services_covering(host) if host in service.fqdns]

    def _gateway(self, listener: Listener) -> Gateway:
        selector, home = self.pods_of(listener.gateway)
        gateway = Gateway(listener.obj, listener.key, selector, home=home)
        tls = self._tls(listener)
        hosts = tuple((namespace, listener.hostname) for namespace in self._namespaces_let_in(listener))
        gateway.servers.append(
            Server(
                gateway,
                listener.path,
                listener.raw,
                listener.port,
                listener.protocol,
                tls,
                hosts or (("~", listener.hostname),),
            )
        )
        return gateway

    def pods_of(self, gateway: ApiGateway) -> tuple[dict[str, str], str]:
        """Labels and namespace of a gateway's pods: Istio's own, or those behind the Service that an address names."""
        if gateway.is_deployed:
            return {**gateway.labels}, gateway.obj.namespace
        name, _, namespace = gateway.service.partition(".")
        service = self.service_by_fqdn.get(f"{gateway.service}.svc.cluster.local")
        if service is not None and service.selector:
            return service.selector, namespace
        return {"istio": name.removeprefix("istio-")}, namespace or gateway.obj.namespace

    def _tls(self, listener: Listener) -> Json:
        if not listener.tls:
            return {}
        if listener.mode == "Passthrough":
            return {"mode": "AUTO_PASSTHROUGH" if listener.passes_by_name else "PASSTHROUGH"}
        asked = text(listener.tls, "options", TLS_MODE_OPTION)
        tls: Json = {"mode": asked if asked in _TLS_MODES else "SIMPLE"}
        frontend = _frontend(listener)
        if frontend and asked not in (*_TLS_MODES, "ISTIO_SIMPLE"):
            tls["mode"] = "OPTIONAL_MUTUAL" if text(frontend, "mode") == "AllowInsecureFallback" else "MUTUAL"
        refused = [to for _, to in listener.certificates if not self.is_granted(listener.obj, to)]
        if listener.certificates and len(refused) == len(listener.certificates):
            tls["refused"] = f"no ReferenceGrant lets {listener.obj.kind} {listener.obj.name} use {refused[0]}"
        return tls

    def _namespaces_let_in(self, listener: Listener) -> list[str]:
        """As hosts of a server name them: `*`, or each namespace whose routes may attach."""
        match text(listener.raw, "allowedRoutes", "namespaces", "from") or "Same":
            case "All":
                return ["*"]
            case "Same":
                return [listener.obj.namespace]
            case _:
                names = sorted(self.namespace_names)
                return [name for name in names if lets_routes_of(listener, name, self.namespaces) is not False]

    def _at_gateways(self) -> Iterator[VirtualService]:
        made: dict[tuple[str, str, str], list[VirtualService]] = defaultdict(list)
        for attachment in sorted(self.attachments, key=lambda one: one.route.age):
            if attachment.refusal is not None:
                continue
            route, listener = attachment.route, attachment.listener
            if not route.reads_requests:
                yield from self._connections(attachment)
                continue
            same_owner = self.listeners_by_owner[listener.obj.kind, listener.obj.namespace, listener.obj.name]
            for host in route.hostnames or ("*",):
                if not is_isolated(listener, host, same_owner):
                    service = self._service(route, host, listener.key, self._refused(route))
                    made[route.kind, listener.key, host].append(service)
        yield from map(_merged, made.values())

    def _connections(self, attachment: Attachment) -> Iterator[VirtualService]:
        route, listener = attachment.route, attachment.listener
        block = "tls" if route.kind == "TLSRoute" else "tcp"
        hosts = route.hostnames or ("*",)
        for host in hosts if block == "tls" else ("*",):
            narrow = listener.hostname if block == "tls" and covers(host, listener.hostname) else host
            if block == "tls" and not covers(listener.hostname, narrow):
                continue
            yield self._service(route, narrow, listener.key, self._refused(route))

    def _in_mesh(self) -> Iterator[VirtualService]:
        made: dict[tuple[str, str, str, int], list[VirtualService]] = defaultdict(list)
        for route in sorted(self.api_routes, key=lambda one: one.age):
            for parent in route.parents:
                if not parent.is_mesh or self.is_foreign(parent):
                    continue
                for host in self._hosts_of(parent):
                    service = self._service(route, host, MESH_GATEWAY, self._refused(route, in_mesh=True), parent.port)
                    if not route.reads_requests:
                        yield service
                        continue
                    made[route.kind, route.obj.namespace, host, parent.port or 0].append(service)
        yield from map(_merged, made.values())

    def _hosts_of(self, parent: Parent) -> list[str]:
        to = parent.reference
        if to.is_service:
            return [f"{to.name}.{to.namespace}.svc.cluster.local".lower()]
        return [
            host
            for entry in self.service_entries
            if (entry.obj.namespace, entry.obj.name) == (to.namespace, to.name)
            for host in entry.hosts
        ]

    def _service(
        self, route: Route, host: str, gateway: str, refused: Callable[[Backend], str], port: int | None = None
    ) -> VirtualService:
        """One route as a VirtualService of its own."""
        block = {"TLSRoute": "tls", "TCPRoute": "tcp"}.get(route.kind, "")
        spec: Json = {"hosts": [host], "gateways": [gateway]}
        service = VirtualService(route.obj, (host,), (host,), (gateway,), spec, from_gateway_api=True)
        if block:
            spec[block] = [
                _at_port(made, port, host, in_mesh=gateway == MESH_GATEWAY)
                for made in connection_routes(route, refused)
            ]
            service.read_connections()
            return service
        for rule, made in http_routes(route, refused):
            if port is not None:
                made["match"] = [{**one, "port": port} for one in elements(made, "match") or _ANYTHING]
            service.http.append(http_route(service, rule.path, made))
        service.http.sort(key=lambda found: precedence(found.raw))
        return service

    def _refused(self, route: Route, *, in_mesh: bool = False) -> Callable[[Backend], str]:
        """Why istiod does not send requests to a backend; for routes of the mesh it asks for no grant."""

        def why(backend: Backend) -> str:
            to = backend.reference
            known = to.is_service or (to.group == "networking.istio.io" and to.kind == "Hostname")
            if not known and to.kind not in ("ServiceImport", "InferencePool"):
                return f"Istio sends no requests to a {to.kind or 'backend without a kind'}"
            if not in_mesh and not self.is_granted(route.obj, to):
                return f"no ReferenceGrant lets {route.kind} {route.obj.namespace}/{route.obj.name} use {to}"
            return ""

        return why


def _at_port(made: Json, port: int | None, host: str, *, in_mesh: bool) -> Json:
    if not in_mesh:
        return made
    matches: list[Json] = [{**one} for one in elements(made, "match") or (_ANYTHING if port is not None else ())]
    for match in matches:
        if match.get("sniHosts") == ["*"]:
            match["sniHosts"] = [host]
        if port is not None:
            match["port"] = port
    return {**made, "match": matches} if matches else made


def _merged(alike: list[VirtualService]) -> VirtualService:
    """The routes of one host at one place, in the order in which they are tried."""
    first = alike[0]
    routes = [route for service in alike for route in service.http]
    merged = VirtualService(first.obj, first.hosts, first.fqdns, first.gateways, {**first.spec}, from_gateway_api=True)
    merged.http = sorted(routes, key=lambda route: precedence(route.raw))
    return merged


def _frontend(listener: Listener) -> Json:
    """How a Gateway has clients' certificates verified at a listener's port."""
    frontend = mapping(listener.gateway.obj.spec, "tls", "frontend")
    for one in elements(frontend, "perPort"):
        if whole(one, "port") == listener.port:
            return mapping(one, "tls", "validation")
    return mapping(frontend, "default", "validation")


def owners(service: VirtualService) -> list[Manifest]:
    """The objects that a VirtualService comes from: itself, or the routes that are merged in it."""
    return [service.obj, *(route.obj for route in service.http if route.obj is not service.obj)]
