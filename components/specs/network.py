"""The VPC of a GKE stack: ranges, NAT, firewall, DNS records."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from chatgpt_mesh.mesh.specs.google_names import Region, ResourceName, Zone
from chatgpt_mesh.mesh.specs.spec import Cidr, Many, Spec


class FlowLogsSpec(Spec):
    """VPC flow logs of the nodes' subnet: who talked to whom, when something has to be found out afterwards.

    https://cloud.google.com/vpc/docs/flow-logs
    """

    sampling: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """Share of the flows that is logged, above 0 and up to 1. Half of them still shows every lasting connection."""
    interval: Literal["5s", "30s", "1m", "5m", "10m", "15m"] = "5s"
    """How long packets of one flow are summed up before they are logged."""
    metadata: Literal["all", "none"] = "all"
    """Whether an entry names the pods and VMs at both ends."""


class NatSpec(Spec):
    """Cloud NAT, by which nodes without public addresses reach registries, issuers and partners.

    https://cloud.google.com/nat/docs/ports-and-addresses
    """

    addresses: Annotated[int, Field(ge=1, le=64)] = 2
    """How many static addresses. Partners put them on their allow-lists, so none is taken from a pool."""
    drain: Many[Annotated[int, Field(ge=0)]] = ()
    """Addresses, by number from 0, that take no new connections and end the ones they have: first drain, then
    remove."""
    min_ports: Annotated[int, Field(ge=32, le=65536)] = 64
    """Ports that every node has at once; a power of two. Each open connection to one destination takes a port."""
    max_ports: Annotated[int, Field(ge=64, le=65536)] = 4096
    """Ports that a node may grow to; a power of two above `min_ports`."""
    log: Literal["errors", "all", "none"] = "errors"
    """What NAT logs: `errors` are the connections that found no port."""

    @model_validator(mode="after")
    def _ports(self) -> Self:
        wrong = [
            f"{name} must be a power of two, such as 64 or 4096, and is {value}"
            for name, value in (("min_ports", self.min_ports), ("max_ports", self.max_ports))
            if value & (value - 1)
        ]
        if self.max_ports <= self.min_ports:
            wrong.append(f"max_ports must be above min_ports, which is {self.min_ports}")
        missing = [number for number in self.drain if number >= self.addresses]
        if missing:
            wrong.append(f"drain names {missing[0]}, but the addresses are numbered 0 to {self.addresses - 1}")
        if len(set(self.drain)) >= self.addresses:
            wrong.append("drain names every address, so none would be left to connect from; add addresses first")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class FirewallSpec(Spec):
    """Firewall rules beside those that GKE makes by itself."""

    logging: bool = True
    """Logs what the rules let through. GKE's own rules log nothing."""
    explicit_allows: bool = False
    """Rules of its own for what GKE's default rules and the VPC's implied ones let through (traffic of the cluster with
    itself, TCP 443 out, health checks of load balancers), for organisations whose policies deny by default.
    https://cloud.google.com/load-balancing/docs/health-checks#firewall_rules"""
    shadow_rules: bool = False
    """Repeats GKE's rules for pods and nodes one priority above them, only to have them logged."""
    istioctl_ports: bool = False
    """Opens 8080 and 15014 of istiod to the control plane too, which `istioctl` needs through the API server's proxy.
    https://istio.io/latest/docs/setup/platform-setup/gke/"""


class DnsSpec(Spec):
    """Records for the hosts of the public gateways, in a zone that is there already."""

    zone: ResourceName
    """Name of the Cloud DNS managed zone, which is not its DNS name: `example-com`."""
    ttl: Annotated[int, Field(ge=30, le=86400)] = 300
    """Seconds for which resolvers keep a record; also how long a move to another address takes."""


class NetworkSpec(Spec):
    """A VPC of the cluster's own, with private nodes."""

    region: Region
    """Region of everything: `us-central1`."""
    zones: Annotated[Many[Zone], Field(min_length=1)]
    """Zones of the nodes, in the region: three, so that the loss of one leaves most of the capacity. Pinned, because
    Google adds zones to regions and a changed default moves nodes."""
    nodes: Cidr
    """Primary range of the subnet: one address per node and internal load balancer. It can be widened, never moved."""
    pods: Cidr
    """Range of the pods. Each node takes a block of it: 256 addresses at 110 pods per node. It cannot be changed
    later."""
    services: Cidr
    """Range of the Services' cluster addresses. It cannot be changed later."""
    control_plane: Cidr
    """Range of /28 for the control plane's private endpoint, so that the source of webhook calls is known.
    https://cloud.google.com/kubernetes-engine/docs/how-to/private-clusters"""
    proxy_only: Cidr | None = None
    """Range for Google's own regional proxies, where one of its L7 load balancers stands before the mesh."""
    mtu: Annotated[int, Field(ge=1300, le=8896)] = 1460
    """Largest packet in bytes. 1460 is Google's default and passes every VPN."""
    routing: Literal["regional", "global"] = "regional"
    """How far Cloud Router announces the subnets."""
    flow_logs: FlowLogsSpec | None = FlowLogsSpec()
    """Flow logs of the nodes' subnet; `null` for none."""
    nat: NatSpec = NatSpec()
    """The addresses that the cluster calls out from."""
    firewall: FirewallSpec = FirewallSpec()
    """Rules beside GKE's own."""
    dns: DnsSpec | None = None
    """DNS records of the gateways' hosts. Without it somebody else points the names at `ingress_addresses`."""

    @model_validator(mode="after")
    def _zones_of_region(self) -> Self:
        elsewhere = [zone for zone in self.zones if not zone.startswith(f"{self.region}-")]
        if elsewhere:
            raise ValueError(f"zones names {elsewhere[0]}, which is not in the region {self.region}")
        if len(set(self.zones)) < len(self.zones):
            raise ValueError("zones names a zone twice")
        return self
