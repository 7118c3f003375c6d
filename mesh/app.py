"""An app: a workload, the host it owns, and everything that is declared about it.

The smallest one is a name, a namespace, a port, a host with its gateway, and an issuer; the defaults harden the rest.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from pydantic import Field

from mesh.auth import AuthSpec
from mesh.callers import CallerSpec
from mesh.cors import CorsSpec
from mesh.faults import FaultSpec
from mesh.load_balancing import LoadBalancingSpec
from mesh.mcp import McpSpec
from mesh.rate_limit import RateLimitSpec
from mesh.resilience import ResilienceSpec
from mesh.rollout import RolloutSpec, VersionSpec
from mesh.routes import RouteSpec
from mesh.spec import DnsLabel, Duration, Hostname, Labels, Many, PortNumber, Spec


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
    """Service account of its pods, which is its identity. Default: the app's name. Two apps of one namespace cannot share one."""
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
    """Tokens. None: everybody who reaches the gateway may call the app; a public MCP endpoint must say so with `open: true`."""
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
        return main + tuple(Exposure(h.host, h.gateway, f"further_hosts.{i}.host") for i, h in enumerate(self.further_hosts))

    def service_name(self, app: str) -> str:
        return (self.service and self.service.name) or app

    def service_host(self, app: str) -> str:
        """The name that routes and rules use; a short one would depend on the namespace of the reader."""
        return f"{self.service_name(app)}.{self.namespace}.svc.cluster.local"

    def identity_name(self, app: str) -> str:
        return self.service_account or app

    def pod_labels(self, app: str) -> dict[str, str]:
        return self.labels or {"app": app}
