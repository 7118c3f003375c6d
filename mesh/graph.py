"""Who may call whom: gateway to app, app to app, app to egress. Identities and principals come from here and nowhere
else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from chatgpt_mesh.mesh.app import AppSpec
    from chatgpt_mesh.mesh.callers import CallerSpec
    from chatgpt_mesh.mesh.egress import EgressSpec
    from chatgpt_mesh.mesh.gateways import GatewaySpec
    from chatgpt_mesh.mesh.rate_limit import RateLimitServiceSpec
    from chatgpt_mesh.mesh.raw_objects import RawObjectSpec
    from chatgpt_mesh.mesh.security import SecuritySpec
    from chatgpt_mesh.mesh.telemetry import TelemetrySpec


class Identity(NamedTuple):
    """What mutual TLS proves about a caller."""

    namespace: str
    service_account: str

    def principal(self, trust_domain: str) -> str:
        """The SPIFFE id without its scheme, as AuthorizationPolicy takes it."""
        return f"{trust_domain}/ns/{self.namespace}/sa/{self.service_account}"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a declaration that parsed. A part that did not is absent, and its name is in `unread`, so that
    nobody
    takes a reference to it for a dangling one."""

    today: date
    gateways: Mapping[str, GatewaySpec] = field(default_factory=dict[str, "GatewaySpec"])
    apps: Mapping[str, AppSpec] = field(default_factory=dict[str, "AppSpec"])
    security: SecuritySpec | None = None
    egress: EgressSpec | None = None
    telemetry: TelemetrySpec | None = None
    objects: tuple[RawObjectSpec, ...] = ()
    rate_limit_service: RateLimitServiceSpec | None = None
    faults_allowed: bool = False
    trust_domain: str = "cluster.local"
    istio_namespace: str = "istio-system"
    unread: frozenset[str] = frozenset()
    """Paths of parts that did not parse: `apps.chatgpt-api`, `egress`."""

    def knows_app(self, name: str) -> bool:
        return name in self.apps or not self.unread.isdisjoint(("apps", f"apps.{name}"))

    def knows_gateway(self, name: str) -> bool:
        return name in self.gateways or not self.unread.isdisjoint(("gateways", f"gateways.{name}"))

    @cached_property
    def identities(self) -> frozenset[tuple[str, str]]:
        """Namespace and service account of every app."""
        return frozenset((app.namespace, app.identity_name(name)) for name, app in self.apps.items())

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """Namespaces of apps."""
        return frozenset(app.namespace for app in self.apps.values())

    @property
    def all_apps_read(self) -> bool:
        return not any(path == "apps" or path.startswith("apps.") for path in self.unread)


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
    """The declared graph over parts without mistakes."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.gateways = parts.gateways
        self.apps = parts.apps
        self.trust_domain = parts.trust_domain
        self.istio_namespace = parts.istio_namespace

    @property
    def security(self) -> SecuritySpec:
        assert self.parts.security is not None, "a graph is made of parts that all parsed"  # noqa: S101
        return self.parts.security

    @property
    def egress(self) -> EgressSpec:
        assert self.parts.egress is not None, "a graph is made of parts that all parsed"  # noqa: S101
        return self.parts.egress

    @property
    def telemetry(self) -> TelemetrySpec:
        assert self.parts.telemetry is not None, "a graph is made of parts that all parsed"  # noqa: S101
        return self.parts.telemetry

    @cached_property
    def app_namespaces(self) -> tuple[str, ...]:
        return tuple(sorted({app.namespace for app in self.apps.values()}))

    def app_identity(self, name: str) -> Identity:
        app = self.apps[name]
        return Identity(app.namespace, app.identity_name(name))

    def gateway_identity(self, name: str) -> Identity:
        gateway = self.gateways[name]
        return Identity(gateway.home, gateway.service_account)

    def principal(self, identity: Identity) -> str:
        return identity.principal(self.trust_domain)

    def caller_identity(self, app: str, caller: CallerSpec) -> Identity:
        if caller.app is not None:
            return self.app_identity(caller.app)
        return Identity(caller.namespace or self.apps[app].namespace, caller.service_account or "")

    @cached_property
    def edges(self) -> Mapping[str, tuple[Edge, ...]]:
        """Edges by the app that is called: first its gateways', then its callers'."""
        found: dict[str, list[Edge]] = {name: [] for name in self.apps}
        for name, app in self.apps.items():
            for edge in self._gateway_edges(name, app):
                found[edge.app].append(edge)
        for edge in self._listener_edges():
            found[edge.app].append(edge)
        for name, app in self.apps.items():
            found[name].extend(self._caller_edges(name, app))
        return {name: tuple(edges) for name, edges in found.items()}

    def _gateway_edges(self, name: str, app: AppSpec) -> Iterator[Edge]:
        if not app.exposures:
            return
        targets: dict[str, list[Endpoint]] = {}
        if app.mcp is not None:
            targets[name] = [Endpoint(app.mcp.path, app.mcp.methods)]
        for route in app.routes:
            if route.respond is None:
                target = name if route.to is None else route.to.app
                targets.setdefault(target, []).append(Endpoint(route.upstream_path, route.methods))
        for exposure in app.exposures:
            source = self.gateway_identity(exposure.gateway)
            for target, endpoints in targets.items():
                yield Edge(
                    source, target, host_headers(exposure.host), tuple(endpoints), f"apps.{name}.{exposure.path}"
                )

    def _listener_edges(self) -> Iterator[Edge]:
        services = {app.service_host(name): name for name, app in self.apps.items() if app.service is not None}
        for name, gateway in self.gateways.items():
            for listener_name, listener in gateway.listeners.items():
                if listener.destination is not None and (app := services.get(listener.destination.host)) is not None:
                    declared_at = f"gateways.{name}.listeners.{listener_name}.destination"
                    yield Edge(self.gateway_identity(name), app, (), (), declared_at)

    def _caller_edges(self, name: str, app: AppSpec) -> Iterator[Edge]:
        hosts = service_headers(app.service_name(name), app.namespace)
        own = own_endpoints(app)
        for index, caller in enumerate(app.callers):
            source = self.caller_identity(name, caller)
            endpoints = own
            if caller.paths:
                methods = {e.path: e.methods for e in own}
                endpoints = tuple(
                    Endpoint(path, caller.methods or methods.get(path, ("GET", "POST"))) for path in caller.paths
                )
            elif caller.methods:
                endpoints = tuple(Endpoint(e.path, caller.methods) for e in own)
            yield Edge(source, name, hosts, endpoints, f"apps.{name}.callers.{index}")

    @cached_property
    def apps_called_by(self) -> Mapping[str, tuple[str, ...]]:
        """For each app, the apps that it may call: what its sidecar has to know."""
        by_identity: dict[Identity, list[str]] = {}
        for target, edges in self.edges.items():
            for edge in edges:
                targets = by_identity.setdefault(edge.source, [])
                if target not in targets:
                    targets.append(target)
        return {name: tuple(by_identity.get(self.app_identity(name), ())) for name in self.apps}


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
