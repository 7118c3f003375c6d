"""An app: a workload, the host it owns, and everything that is declared about it.

The smallest one is a name, a namespace, a port, a host with its gateway, and an issuer; the defaults harden the rest.
"""

from __future__ import annotations

# ruff: noqa: TC001 - pydantic reads the annotations at run time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from chatgpt_mesh.mesh import (
    auth,
    callers,
    cors,
    destination_rules,
    edge_policy,
    faults,
    load_balancing,
    path_rules,
    rate_limit,
    resilience,
    rollout,
    routes,
    sessions,
    virtual_services,
)
from chatgpt_mesh.mesh.auth import AuthSpec
from chatgpt_mesh.mesh.callers import CallerSpec
from chatgpt_mesh.mesh.cors import CorsSpec
from chatgpt_mesh.mesh.faults import FaultSpec
from chatgpt_mesh.mesh.load_balancing import LoadBalancingSpec
from chatgpt_mesh.mesh.mcp import McpSpec
from chatgpt_mesh.mesh.problem import Problem
from chatgpt_mesh.mesh.rate_limit import RateLimitSpec
from chatgpt_mesh.mesh.resilience import ResilienceSpec
from chatgpt_mesh.mesh.rollout import RolloutSpec, VersionSpec
from chatgpt_mesh.mesh.routes import RouteSpec
from chatgpt_mesh.mesh.spec import DnsLabel, Duration, Hostname, Labels, Many, PortNumber, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph, Parts
    from chatgpt_mesh.mesh.owned import Owned


class ServiceSpec(Spec):
    """The app's Kubernetes Service, which its team owns."""

    name: DnsLabel | None = None
    """Name. Default: the app's."""
    port: PortNumber
    """Port of the Service."""
    target_port: PortNumber | None = None
    """Port of the container. Default: the same."""


class HostSpec(Spec):
    """A further host of an app, at another gateway."""

    host: Hostname
    """Host name."""
    gateway: DnsLabel
    """Gateway that serves it."""


class Exposure(NamedTuple):
    """A host of an app at a gateway, and where the stack file says so."""

    host: str
    gateway: str
    path: str


class AppSpec(Spec):
    """One app."""

    namespace: DnsLabel
    """Namespace of its pods."""
    host: Hostname | None = None
    """Host that it owns. None: it is called inside the mesh only, or through a route of another app."""
    gateway: DnsLabel | None = None
    """Gateway that serves the host."""
    further_hosts: Many[HostSpec] = ()
    """Further hosts, such as an internal one at the internal gateway."""
    service: ServiceSpec | None = None
    """Its Service. None: it only calls others."""
    service_account: DnsLabel | None = None
    """Service account of its pods, which is its identity. Default: the app's name. Two apps of one namespace cannot
    share one."""
    labels: Labels = {}
    """Labels that all its pods carry and no others. Default: app=NAME."""
    longest_call: Duration = Field(default=timedelta(seconds=600))
    """The longest call that must survive a change: proxies that drain wait this long before they cut open streams."""
    mcp: McpSpec | None = None
    """The MCP endpoint. `mcp: {}` takes the defaults."""
    routes: Many[RouteSpec] = ()
    """Further paths of the host."""
    versions: dict[DnsLabel, VersionSpec] = {}
    """Versions by name."""
    rollout: RolloutSpec | None = None
    """How traffic is divided between the versions."""
    resilience: ResilienceSpec = ResilienceSpec()
    """Pools, ejection and retries."""
    load_balancing: LoadBalancingSpec = LoadBalancingSpec()
    """Load balancing."""
    cors: CorsSpec = CorsSpec()
    """Browser origins. Default: none, and requests with an Origin are refused."""
    auth: AuthSpec | None = None
    """Tokens. None: everybody who reaches the gateway may call the app; a public MCP endpoint must say so with `open:
    true`."""
    open: bool = False
    """A public MCP endpoint without auth is meant."""
    callers: Many[CallerSpec] = ()
    """Workloads of the mesh that may call the app."""
    rate_limit: RateLimitSpec | None = None
    """Limit at the gateways."""
    faults: Many[FaultSpec] = ()
    """Faults for callers in the mesh, where the stack allows them."""

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """Its hosts at gateways, the main one first."""
        main = (Exposure(self.host, self.gateway, "host"),) if self.host and self.gateway else ()
        return main + tuple(
            Exposure(h.host, h.gateway, f"further_hosts.{i}.host") for i, h in enumerate(self.further_hosts)
        )

    def service_name(self, app: str) -> str:
        return (self.service and self.service.name) or app

    def service_host(self, app: str) -> str:
        """The name that routes and rules use; a short one would depend on the namespace of the reader."""
        return f"{self.service_name(app)}.{self.namespace}.svc.cluster.local"

    def identity_name(self, app: str) -> str:
        return self.service_account or app

    def pod_labels(self, app: str) -> dict[str, str]:
        return self.labels or {"app": app}


def problems(parts: Parts) -> Iterator[Problem]:
    """Mistakes of each app, and hosts and identities that two apps claim."""
    host_owners: dict[str, str] = {}
    identities: dict[tuple[str, str], str] = {}
    service_owners: dict[str, str] = {}
    for name, app in parts.apps.items():
        path = f"apps.{name}"
        yield from _exposure_problems(parts, name, app, host_owners)
        identity = (app.namespace, app.identity_name(name))
        if identities.setdefault(identity, name) != name:
            yield Problem(
                f"{path}.service_account",
                f"apps.{identities[identity]} runs as it in {app.namespace} too, so neither could be told "
                "from the other; give each its own",
                app.identity_name(name),
            )
        if app.service is not None and service_owners.setdefault(app.service_host(name), name) != name:
            yield Problem(
                f"{path}.service.name",
                f"apps.{service_owners[app.service_host(name)]} owns this service; one host has one owner",
                app.service_host(name),
            )
        yield from _shape_problems(path, app)
        yield from _namespace_problems(parts, path, app)
        mcp = app.mcp is not None
        yield from resilience.problems(f"{path}.resilience", app.resilience, mcp=mcp)
        yield from load_balancing.problems(f"{path}.load_balancing", app.load_balancing, app.resilience)
        yield from rollout.problems(path, app)
        yield from routes.problems(path, app)
        yield from cors.problems(f"{path}.cors", app.cors)
        yield from auth.problems(path, app)
        yield from callers.problems(parts, path, app)
        yield from rate_limit.problems(parts, path, app)
        yield from faults.problems(f"{path}.faults", app.faults, allowed=parts.faults_allowed)
        yield from _target_problems(parts, name, app)
    yield from edge_policy.problems(parts)


def _exposure_problems(parts: Parts, name: str, app: AppSpec, owners: dict[str, str]) -> Iterator[Problem]:
    path = f"apps.{name}"
    if (app.host is None) != (app.gateway is None):
        missing, given = ("gateway", "host") if app.gateway is None else ("host", "gateway")
        yield Problem(f"{path}.{missing}", f"is missing; an app with {given} needs it")
    for exposure in app.exposures:
        host_path = f"{path}.{exposure.path}"
        gateway_path = host_path.removesuffix("host") + "gateway"
        if owners.setdefault(exposure.host, name) != name:
            yield Problem(
                host_path, f"apps.{owners[exposure.host]} owns this host; one host has one owner", exposure.host
            )
        elif sum(other.host == exposure.host for other in app.exposures) > 1 and exposure.path != "host":
            yield Problem(host_path, "is listed twice", exposure.host)
        gateway = parts.gateways.get(exposure.gateway)
        if gateway is None:
            if not parts.knows_gateway(exposure.gateway):
                yield Problem(
                    gateway_path,
                    f"is not a declared gateway; there are: {callers.listed(parts.gateways)}",
                    exposure.gateway,
                )
        elif gateway.kind == "egress":
            yield Problem(
                gateway_path,
                "is an egress gateway, which nobody enters by; choose a public or internal one",
                exposure.gateway,
            )
        elif gateway.listener_of(exposure.host) is None:
            hosts = callers.listed(
                host
                for listener in gateway.listeners.values()
                if listener.protocol == "HTTPS"
                for host in listener.hosts
            )
            yield Problem(
                host_path,
                f"no HTTPS listener of gateways.{exposure.gateway} serves it; they serve: {hosts}",
                exposure.host,
            )
        elif gateway.kind == "public" and app.mcp is not None and app.auth is None and not app.open:
            yield Problem(
                f"{path}.auth",
                "is missing: the MCP endpoint would be open to the internet. Declare auth with an issuer, "
                "or say open: true if that is meant",
            )


def _namespace_problems(parts: Parts, path: str, app: AppSpec) -> Iterator[Problem]:
    taken = {parts.istio_namespace: "Istio's root namespace, whose policies hold for the whole mesh"}
    taken |= {gateway.home: f"the namespace of gateways.{name}" for name, gateway in parts.gateways.items()}
    if app.namespace in taken:
        yield Problem(
            f"{path}.namespace",
            f"is {taken[app.namespace]}; an app's namespace denies by default, so choose one of its own",
            app.namespace,
        )
    elif app.namespace.startswith("kube-"):
        yield Problem(f"{path}.namespace", "belongs to Kubernetes; choose another", app.namespace)


def _shape_problems(path: str, app: AppSpec) -> Iterator[Problem]:
    if app.open and app.auth is not None:
        yield Problem(f"{path}.open", "contradicts auth; remove one of them")
    if app.service is None:
        for field in ("mcp", "rollout", "rate_limit"):
            if getattr(app, field) is not None:
                yield Problem(f"{path}.{field}", "needs the app's service; declare service with its port")
        if app.faults or app.versions or any(route.own for route in app.routes):
            yield Problem(f"{path}.service", "is missing; routes, versions and faults need it")
    if app.routes and not app.exposures and app.service is None:
        yield Problem(f"{path}.routes", "lead nowhere without host and gateway")
    if app.exposures and app.mcp is None and not app.routes:
        yield Problem(path, "has a host and nothing on it; declare mcp (mcp: {} takes the defaults) or routes")


def _target_problems(parts: Parts, name: str, app: AppSpec) -> Iterator[Problem]:
    for index, route in enumerate(app.routes):
        if route.to is None:
            continue
        path = f"apps.{name}.routes.{index}.to.app"
        target = parts.apps.get(route.to.app)
        if target is None:
            if not parts.knows_app(route.to.app):
                yield Problem(
                    path, f"is not an app of this stack; there are: {callers.listed(parts.apps)}", route.to.app
                )
        elif target.service is None:
            yield Problem(path, "is an app without service, which cannot be called", route.to.app)
        elif target.rollout is not None and target.rollout.managed_by == "flagger":
            yield Problem(path, "has its routes made by flagger, which knows nothing of this host", route.to.app)


def objects(graph: Graph) -> Iterator[Owned]:
    """Everything that the apps own, and what the gateways carry for all of them together."""
    yield from edge_policy.gateway_objects(graph)
    yield from sessions.gateway_objects(graph)
    yield from rate_limit.gateway_objects(graph)
    for name, app in graph.apps.items():
        yield from destination_rules.objects(name, app)
        yield from callers.objects(graph, name, app)
        yield from path_rules.objects(graph, name, app)
        yield from edge_policy.objects(graph, name, app)
        yield from virtual_services.objects(graph, name, app)
