"""An app: a workload, the host it owns, and everything that is declared about it.

The smallest one is a name, a namespace, a port, a host with its gateway, and an issuer; the defaults harden the rest.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs import (
    auth,
    callers,
    cors,
    faults,
    hosts,
    load_balancing,
    maintenance,
    mcp,
    rate_limit,
    request_size,
    resilience,
    response_headers,
    rollout,
    routes,
)
from chatgpt_mesh.mesh.specs.auth import AuthSpec, IssuerUse
from chatgpt_mesh.mesh.specs.callers import CallerSpec
from chatgpt_mesh.mesh.specs.cors import CorsSpec
from chatgpt_mesh.mesh.specs.declared import Declared, NamedSpec, listed
from chatgpt_mesh.mesh.specs.external_authorization import ExternalAuthorizationSpec
from chatgpt_mesh.mesh.specs.faults import FaultSpec
from chatgpt_mesh.mesh.specs.hosts import Exposure, HostSpec
from chatgpt_mesh.mesh.specs.kubernetes_names import belongs_to_kubernetes
from chatgpt_mesh.mesh.specs.load_balancing import LoadBalancingSpec
from chatgpt_mesh.mesh.specs.maintenance import AppMaintenanceSpec
from chatgpt_mesh.mesh.specs.mcp import McpSpec
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.rate_limit import RateLimitSpec
from chatgpt_mesh.mesh.specs.request_size import BodySize
from chatgpt_mesh.mesh.specs.resilience import ResilienceSpec
from chatgpt_mesh.mesh.specs.rollout import RolloutSpec, VersionSpec
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from chatgpt_mesh.mesh.specs.routes import HeaderChangesSpec, RouteSpec
from chatgpt_mesh.mesh.specs.service import ServiceSpec
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Duration, Hostname, Labels, Many, within
from chatgpt_mesh.mesh.specs.well_known import WellKnownSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


class AppSpec(NamedSpec):
    """One app."""

    section = "apps"

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
    longest_call: Annotated[Duration, within("1s", "24h", "a proxy that drains waits this long")] = Field(
        default=timedelta(seconds=600)
    )
    """The longest call that must survive a change: proxies that drain wait this long before they cut open streams."""
    mcp: McpSpec | None = None
    """The MCP endpoint. `mcp: {}` takes the defaults."""
    routes: Many[RouteSpec] = ()
    """Further paths of the host."""
    maintenance: AppMaintenanceSpec | None = None
    """Answer everything on the app's hosts with 503, the MCP path included, after what the gateway refuses anyway.
    Callers in the mesh go on, and so do routes of other apps that lead here."""
    response_headers: HeaderChangesSpec = HeaderChangesSpec()
    """Headers of every answer of the app's hosts, refusals included, such as `strict-transport-security`; what a route
    says about the same header holds there. Callers in the mesh see none of it."""
    max_request_body: BodySize | None = None
    """Most bytes of a request's body at the app's hosts; above it the answer is 413. A body that says its length is
    never buffered; one that does not is held by the gateway until it has ended, up to this size. No WebSocket passes,
    which has no end. Default: none. A server that reads whatever it is sent can be made to run out of memory."""
    well_known: WellKnownSpec = WellKnownSpec()
    """Pages with an agreed name, such as /robots.txt, that the gateway answers itself."""
    versions: dict[DnsLabel, VersionSpec] = {}
    """Versions by name."""
    rollout: RolloutSpec | None = None
    """How traffic is divided between the versions."""
    resilience: ResilienceSpec = ResilienceSpec()
    """Pools, ejection and retries."""
    load_balancing: LoadBalancingSpec = LoadBalancingSpec()
    """Load balancing."""
    cluster_failover: bool = False
    """Answered by its pods in the other cluster (`istio.multi_cluster.peer`) while none of its own is healthy. Without
    it callers never leave their cluster, whatever the other one has under the same name."""
    cors: CorsSpec = CorsSpec()
    """Browser origins. Default: none, and requests with an Origin are refused."""
    auth: AuthSpec | None = None
    """Tokens. None: everybody who reaches the gateway may call the app; a public MCP endpoint must say so with `open:
    true`."""
    open: bool = False
    """A public MCP endpoint without auth is meant."""
    callers: Many[CallerSpec] = ()
    """Workloads of the mesh that may call the app."""
    external_authorization: ExternalAuthorizationSpec | None = None
    """A service that is asked about each request, beside the rules of this declaration."""
    rate_limit: RateLimitSpec | None = None
    """Limit at the gateways."""
    further_rate_limits: Many[RateLimitSpec] = ()
    """Further limits beside it, such as one per address; a request has to be within all of them."""
    faults: Many[FaultSpec] = ()
    """Faults for callers in the mesh, where the stack allows them."""

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """Its hosts at gateways, the main one first."""
        main = (Exposure(self.host, self.gateway, "host"),) if self.host and self.gateway else ()
        return main + tuple(
            Exposure(h.host, h.gateway, f"further_hosts.{i}.host", h.redirect) for i, h in enumerate(self.further_hosts)
        )

    @property
    def served(self) -> tuple[Exposure, ...]:
        """Those of its hosts that serve it; the others only redirect to the main one."""
        return tuple(exposure for exposure in self.exposures if exposure.redirect is None)

    @property
    def limits(self) -> tuple[tuple[str, str, RateLimitSpec], ...]:
        """Its limits at the gateways: the name that each counts under, its path, and itself."""
        main = () if self.rate_limit is None else ((self.name, f"{self.declared_at}.rate_limit", self.rate_limit),)
        return main + tuple(
            (f"{self.name}/{i}", f"{self.declared_at}.further_rate_limits.{i}", limit)
            for i, limit in enumerate(self.further_rate_limits)
        )

    @property
    def service_name(self) -> str:
        return (self.service and self.service.name) or self.name

    @property
    def service_host(self) -> str:
        """The name that routes and rules use; a short one would depend on the namespace of the reader."""
        return f"{self.service_name}.{self.namespace}.svc.cluster.local"

    @property
    def identity_name(self) -> str:
        """The service account of its pods."""
        return self.service_account or self.name

    @property
    def pod_labels(self) -> dict[str, str]:
        return self.labels or {"app": self.name}


def accounts(apps: Mapping[str, AppSpec]) -> Mapping[str, Collection[str]]:
    """Service accounts of apps by namespace."""
    found: dict[str, set[str]] = {}
    for app in apps.values():
        found.setdefault(app.namespace, set()).add(app.identity_name)
    return found


def services(apps: Mapping[str, AppSpec]) -> Mapping[str, Mapping[str, int]]:
    """Ports of apps' Services by namespace and name."""
    found: dict[str, dict[str, int]] = {}
    for app in apps.values():
        of_namespace = found.setdefault(app.namespace, {})
        if app.service is not None:
            of_namespace[app.service_name] = app.service.port
    return found


def problems(
    apps: Declared[AppSpec],
    gateways: Declared[GatewaySpec],
    *,
    faults_allowed: bool,
    rate_limit_service: bool,
) -> Iterator[Problem]:
    """Mistakes of each app, and what two apps claim. `rate_limit_service`: one is declared, readable or not."""
    host_owners: dict[str, str] = {}
    identities: dict[tuple[str, str], str] = {}
    service_owners: dict[str, str] = {}
    known_accounts: Mapping[str, Collection[str]] = accounts(apps) if apps.complete else {}
    for app in apps.values():
        yield from _host_problems(app, gateways, host_owners)
        yield from _ownership_problems(app, identities, service_owners)
        yield from _shape_problems(app)
        yield from _namespace_problems(app, gateways)
        yield from _traffic_problems(app)
        yield from _access_problems(app, apps, known_accounts, rate_limit_service=rate_limit_service)
        yield from faults.problems(f"{app.declared_at}.faults", app.faults, allowed=faults_allowed)
        yield from _target_problems(app, apps)
    yield from auth.gateway_problems(issuer_uses(apps))


def issuer_uses(apps: Mapping[str, AppSpec]) -> Iterator[IssuerUse]:
    """Each issuer of each app at each of its gateways."""
    for app in apps.values():
        for index, issuer in enumerate(app.auth.issuers if app.auth else ()):
            for gateway in sorted({exposure.gateway for exposure in app.served}):
                yield IssuerUse(f"{app.declared_at}.auth.issuers.{index}", gateway, issuer)


def _host_problems(app: AppSpec, gateways: Declared[GatewaySpec], owners: dict[str, str]) -> Iterator[Problem]:
    path = app.declared_at
    if (app.host is None) != (app.gateway is None):
        missing, given = ("gateway", "host") if app.gateway is None else ("host", "gateway")
        yield Problem(f"{path}.{missing}", f"is missing; an app with {given} needs it")
    if app.host is None and any(further.redirect is not None for further in app.further_hosts):
        yield Problem(f"{path}.host", "is missing; a further host with redirect leads there")
    unprotected = app.mcp is not None and app.auth is None and not app.open
    yield from hosts.problems(path, app.name, app.exposures, gateways, owners, unprotected=unprotected)


def _ownership_problems(
    app: AppSpec, identities: dict[tuple[str, str], str], service_owners: dict[str, str]
) -> Iterator[Problem]:
    identity = (app.namespace, app.identity_name)
    if identities.setdefault(identity, app.name) != app.name:
        yield Problem(
            f"{app.declared_at}.service_account",
            f"apps.{identities[identity]} runs as it in {app.namespace} too, so neither could be told "
            "from the other; give each its own",
            app.identity_name,
        )
    if app.service is not None and service_owners.setdefault(app.service_host, app.name) != app.name:
        yield Problem(
            f"{app.declared_at}.service.name",
            f"apps.{service_owners[app.service_host]} owns this service; one host has one owner",
            app.service_host,
        )


def _namespace_problems(app: AppSpec, gateways: Mapping[str, GatewaySpec]) -> Iterator[Problem]:
    taken = {ROOT_NAMESPACE: "Istio's root namespace, whose policies hold for the whole mesh"}
    taken |= {gateway.home: f"the namespace of {gateway.declared_at}" for gateway in gateways.values()}
    if app.namespace in taken:
        yield Problem(
            f"{app.declared_at}.namespace",
            f"is {taken[app.namespace]}; an app's namespace denies by default, so choose one of its own",
            app.namespace,
        )
    elif refusal := belongs_to_kubernetes(app.namespace):
        yield Problem(f"{app.declared_at}.namespace", refusal, app.namespace)


def _shape_problems(app: AppSpec) -> Iterator[Problem]:
    path = app.declared_at
    if app.service is not None and app.service.name is None and app.name[:1].isdecimal():
        yield Problem(f"{path}.service.name", "is missing: a Service cannot be named like this app, by a digit first")
    if app.open and app.auth is not None:
        yield Problem(f"{path}.open", "contradicts auth; remove one of them")
    if app.service is None:
        for field in ("mcp", "rollout", "rate_limit", "further_rate_limits"):
            if getattr(app, field):
                yield Problem(f"{path}.{field}", "needs the app's service; declare service with its port")
        if app.faults or app.versions or any(route.own for route in app.routes):
            yield Problem(f"{path}.service", "is missing; routes, versions and faults need it")
    if app.routes and not app.exposures and app.service is None:
        yield Problem(f"{path}.routes", "lead nowhere without host and gateway")
    if app.exposures and app.mcp is None and not app.routes:
        yield Problem(path, "has a host and nothing on it; declare mcp (mcp: {} takes the defaults) or routes")


def _traffic_problems(app: AppSpec) -> Iterator[Problem]:
    path = app.declared_at
    flagger = app.rollout is not None and app.rollout.managed_by == "flagger"
    exposed = bool(app.served)
    if app.mcp is not None:
        yield from mcp.problems(f"{path}.mcp", app.mcp, flagger=flagger)
    if app.maintenance is not None:
        yield from maintenance.problems(f"{path}.maintenance", exposed=exposed, flagger=flagger)
    if app.max_request_body is not None:
        yield from request_size.problems(f"{path}.max_request_body", exposed=exposed, flagger=flagger)
    at = f"{path}.response_headers"
    yield from response_headers.problems(at, app.response_headers, exposed=exposed, flagger=flagger)
    yield from resilience.problems(f"{path}.resilience", app.resilience, mcp=app.mcp is not None)
    outlier = app.resilience.outlier
    yield from load_balancing.problems(f"{path}.load_balancing", app.load_balancing, outlier=outlier)
    for name, version in app.versions.items():
        if version.load_balancing is not None:
            own = f"{path}.versions.{name}.load_balancing"
            yield from load_balancing.problems(own, version.load_balancing, outlier=version.outlier or outlier)
    if app.rollout is None and app.versions:
        yield Problem(
            f"{path}.rollout",
            f"is missing; versions {listed(app.versions)} are declared, so say which one is stable",
        )
    elif app.rollout is not None and not app.versions:
        yield Problem(
            f"{path}.versions", "is missing; a rollout divides traffic between versions that are declared here"
        )
    elif app.rollout is not None:
        yield from rollout.problems(
            f"{path}.rollout",
            app.rollout,
            app.versions,
            auth=app.auth,
            gateways=[exposure.gateway for exposure in app.served],
            routes=bool(app.routes),
            sessions=app.mcp is not None and app.mcp.keeps_sessions,
        )
    yield from routes.problems(
        f"{path}.routes",
        app.routes,
        mcp_paths=() if app.mcp is None else app.mcp.spellings,
        versions=app.versions,
        longest_call=app.longest_call,
        retries=app.resilience.retries,
        hosts=frozenset(exposure.host for exposure in app.served),
    )


def _access_problems(
    app: AppSpec,
    apps: Declared[AppSpec],
    known_accounts: Mapping[str, Collection[str]],
    *,
    rate_limit_service: bool,
) -> Iterator[Problem]:
    path = app.declared_at
    yield from cors.problems(f"{path}.cors", app.cors)
    if app.auth is not None:
        era = None if app.mcp is None else app.mcp.era
        asks = app.mcp is not None or any(r.auth == "required" and r.leads_on for r in app.routes)
        flagger = app.rollout is not None and app.rollout.managed_by == "flagger"
        exposed = bool(app.exposures)
        yield from auth.problems(f"{path}.auth", app.auth, exposed=exposed, asks=asks, era=era, flagger=flagger)
    yield from callers.problems(
        f"{path}.callers",
        app.callers,
        namespace=app.namespace,
        service=app.service is not None,
        own_paths=app.mcp is not None or any(route.own for route in app.routes),
        apps=apps,
        accounts=known_accounts,
    )
    for _, at, limit in app.limits:
        yield from rate_limit.problems(
            at,
            limit,
            exposed=bool(app.exposures),
            authenticated=app.auth is not None,
            era=None if app.mcp is None else app.mcp.era,
            service_declared=rate_limit_service,
        )


def _target_problems(app: AppSpec, apps: Declared[AppSpec]) -> Iterator[Problem]:
    for index, route in enumerate(app.routes):
        if route.to is None:
            continue
        path = f"{app.declared_at}.routes.{index}.to.app"
        target = apps.get(route.to.app)
        if target is None:
            if not apps.knows(route.to.app):
                yield Problem(path, f"is not an app of this stack; there are: {listed(apps)}", route.to.app)
        elif target.service is None:
            yield Problem(path, "is an app without service, which cannot be called", route.to.app)
        elif target.rollout is not None and target.rollout.managed_by == "flagger":
            yield Problem(path, "has its routes made by flagger, which knows nothing of this host", route.to.app)
        elif target.mcp is not None and routes.reaches(route, target.mcp.path):
            yield Problem(
                path,
                f"leads to the MCP endpoint of {target.declared_at}, whose own tokens, tools, origins and methods are "
                "not asked for here; let clients use its host",
                route.to.app,
            )
