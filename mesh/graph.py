"""Who may call whom: gateway to app, app to app, app to egress. Identities and principals come from here and nowhere
else."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.mesh.specs.cluster_failover import failing_over
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from chatgpt_mesh.mesh.specs.scope import own_namespaces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.callers import CallerSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.mesh import MeshSpec


class Identity(NamedTuple):
    """What mutual TLS proves about a caller."""

    namespace: str
    service_account: str

    def principal(self, trust_domain: str) -> str:
        """The SPIFFE id without its scheme, as AuthorizationPolicy takes it."""
        return f"{trust_domain}/ns/{self.namespace}/sa/{self.service_account}"


class Endpoint(NamedTuple):
    """A path as its app sees it, and the methods that may reach it. A path with a trailing '/' stands for all below
    it."""

    path: str
    methods: tuple[str, ...]

    @property
    def policy_path(self) -> str:
        """The form of AuthorizationPolicy: exact, or a prefix with `*`."""
        return f"{self.path}*" if self.path.endswith("/") else self.path


class Edge(NamedTuple):
    """One caller that may reach one app: the only ground on which an ALLOW is written."""

    source: Identity
    app: str
    hosts: tuple[str, ...]
    """Values of the Host header; an app that also answered to other names would be a way around the rules of those
    hosts."""
    endpoints: tuple[Endpoint, ...]
    """What it may ask for; empty where a gateway passes bytes on and no proxy reads HTTP."""
    declared_at: str


class Graph:
    """The declared graph over a declaration without mistakes."""

    def __init__(self, spec: MeshSpec) -> None:
        self.gateways: Mapping[str, GatewaySpec] = spec.gateways
        self.apps: Mapping[str, AppSpec] = spec.apps
        self.authorizers = spec.authorizers
        self.certificate_issuers = spec.certificate_issuers
        self.security = spec.security
        self.egress = spec.egress
        self.telemetry = spec.telemetry
        self.objects = spec.objects
        self.rate_limit_service = spec.rate_limit_service
        self.grants = spec.grants
        self.is_of_a_team = spec.granted_by is not None
        self.trust_domain = spec.trust_domain

    @cached_property
    def failing_over(self) -> tuple[AppSpec, ...]:
        """Apps that may be answered in the other cluster."""
        return failing_over(self.apps)

    @cached_property
    def app_namespaces(self) -> tuple[str, ...]:
        return tuple(sorted({app.namespace for app in self.apps.values()}))

    @cached_property
    def own_namespaces(self) -> tuple[str, ...]:
        """Namespaces that this stack makes."""
        own = own_namespaces(self.apps, self.gateways, self.rate_limit_service)
        return tuple(sorted({*own, *self.granted_namespaces}))

    @cached_property
    def granted_namespaces(self) -> tuple[str, ...]:
        """Namespaces in which other stacks declare apps."""
        return tuple(sorted(namespace for grant in self.grants.values() for namespace in grant.namespaces))

    @property
    def defaults_in(self) -> tuple[str, ...]:
        """Where those objects stand that hold for whatever has none of its own: for the whole mesh in its root
        namespace, else in each namespace of this stack."""
        return (ROOT_NAMESPACE,) if self.security.scope == "mesh" else self.own_namespaces

    def app_identity(self, app: AppSpec) -> Identity:
        return Identity(app.namespace, app.identity_name)

    def gateway_identity(self, gateway: GatewaySpec) -> Identity:
        return Identity(gateway.home, gateway.service_account)

    def principal(self, identity: Identity) -> str:
        return identity.principal(self.trust_domain)

    def caller_identity(self, app: AppSpec, caller: CallerSpec) -> Identity:
        if caller.app is not None:
            return self.app_identity(self.apps[caller.app])
        return Identity(caller.namespace or app.namespace, caller.service_account or "")

    @cached_property
    def edges(self) -> Mapping[str, tuple[Edge, ...]]:
        """Edges by the app that is called: first its gateways', then its callers'."""
        found: dict[str, list[Edge]] = {name: [] for name in self.apps}
        for app in self.apps.values():
            for edge in self._gateway_edges(app):
                found[edge.app].append(edge)
        for edge in self._listener_edges():
            found[edge.app].append(edge)
        for app in self.apps.values():
            found[app.name].extend(self._caller_edges(app))
        for edge in self._authorizer_edges():
            found[edge.app].append(edge)
        return {name: tuple(edges) for name, edges in found.items()}

    def _gateway_edges(self, app: AppSpec) -> Iterator[Edge]:
        if not app.served:
            return
        targets: dict[str, list[Endpoint]] = {}
        if app.mcp is not None:
            targets[app.name] = [Endpoint(app.mcp.path, app.mcp.methods)]
        for route in app.routes:
            if route.leads_on:
                target = app.name if route.to is None else route.to.app
                targets.setdefault(target, []).append(Endpoint(route.upstream_path, route.methods))
        for exposure in app.served:
            source = self.gateway_identity(self.gateways[exposure.gateway])
            for target, endpoints in targets.items():
                yield Edge(
                    source, target, host_headers(exposure.host), tuple(endpoints), f"{app.declared_at}.{exposure.path}"
                )

    def _listener_edges(self) -> Iterator[Edge]:
        services = {app.service_host: app.name for app in self.apps.values() if app.service is not None}
        for gateway in self.gateways.values():
            for listener_name, listener in gateway.listeners.items():
                if listener.destination is not None and (app := services.get(listener.destination.host)) is not None:
                    declared_at = f"{gateway.declared_at}.listeners.{listener_name}.destination"
                    yield Edge(self.gateway_identity(gateway), app, (), (), declared_at)

    def _caller_edges(self, app: AppSpec) -> Iterator[Edge]:
        hosts = service_headers(app.service_name, app.namespace)
        own = own_endpoints(app)
        for index, caller in enumerate(app.callers):
            source = self.caller_identity(app, caller)
            endpoints = own
            if caller.paths:
                methods = {e.path: e.methods for e in own}
                endpoints = tuple(
                    Endpoint(path, caller.methods or methods.get(path, ("GET", "POST"))) for path in caller.paths
                )
            elif caller.methods:
                endpoints = tuple(Endpoint(e.path, caller.methods) for e in own)
            yield Edge(source, app.name, hosts, endpoints, f"{app.declared_at}.callers.{index}")

    def _authorizer_edges(self) -> Iterator[Edge]:
        services = {app.service_host: app for app in self.apps.values() if app.service is not None}
        for app in self.apps.values():
            use = app.external_authorization
            authorizer = None if use is None else self.authorizers[use.authorizer]
            target = None if authorizer is None else services.get(authorizer.service)
            if authorizer is None or target is None:
                continue
            # Over HTTP it is asked with the host, path and method of whatever it is asked about.
            question = () if authorizer.grpc is None else (Endpoint(AUTHORIZATION_CHECK, ("POST",)),)
            hosts = service_headers(target.service_name, target.namespace) if question else ()
            path = f"{app.declared_at}.external_authorization"
            yield Edge(self.app_identity(app), target.name, hosts, question, path)

    @cached_property
    def apps_called_by(self) -> Mapping[str, tuple[str, ...]]:
        """For each app, the apps that it may call: what its sidecar has to know."""
        by_identity: dict[Identity, list[str]] = {}
        for target, edges in self.edges.items():
            for edge in edges:
                targets = by_identity.setdefault(edge.source, [])
                if target not in targets:
                    targets.append(target)
        return {name: tuple(by_identity.get(self.app_identity(app), ())) for name, app in self.apps.items()}

    @cached_property
    def calling_namespaces(self) -> Mapping[str, tuple[str, ...]]:
        """For each app, the namespaces of the apps that may call it."""
        found: dict[str, set[str]] = {name: set() for name in self.apps}
        for caller, called in self.apps_called_by.items():
            for name in called:
                found[name].add(self.apps[caller].namespace)
        return {name: tuple(sorted(namespaces)) for name, namespaces in found.items()}


AUTHORIZATION_CHECK = "/envoy.service.auth.v3.Authorization/Check"
"""What a proxy asks of an authorizer over gRPC."""


def own_endpoints(app: AppSpec) -> tuple[Endpoint, ...]:
    """What an app serves by itself, as it sees the paths."""
    mcp = () if app.mcp is None else (Endpoint(app.mcp.path, app.mcp.methods),)
    return mcp + tuple(Endpoint(route.upstream_path, route.methods) for route in app.routes if route.own)


def host_headers(host: str) -> tuple[str, ...]:
    """A host with and without port; clients may send either."""
    return (host, f"{host}:*")


def service_headers(service: str, namespace: str) -> tuple[str, ...]:
    """The names by which a workload of the mesh may address a Service."""
    short = f"{service}.{namespace}"
    names = (service, short, f"{short}.svc", f"{short}.svc.cluster.local")
    return tuple(form for name in names for form in host_headers(name))
