"""The VPC of a GKE stack. The only module, with the firewall's, that loads Pulumi's large `gcp.compute`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chatgpt_mesh.components.specs.network import FlowLogsSpec, NatSpec, NetworkSpec

PODS = "pods"
SERVICES = "services"

_INTERVALS = {
    "5s": "INTERVAL_5_SEC",
    "30s": "INTERVAL_30_SEC",
    "1m": "INTERVAL_1_MIN",
    "5m": "INTERVAL_5_MIN",
    "10m": "INTERVAL_10_MIN",
    "15m": "INTERVAL_15_MIN",
}
_METADATA = {"all": "INCLUDE_ALL_METADATA", "none": "EXCLUDE_ALL_METADATA"}
_NAT_LOGS = {"errors": "ERRORS_ONLY", "all": "ALL", "none": "ERRORS_ONLY"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkArgs:
    spec: NetworkSpec
    prefix: str
    """Beginning of the names: the cluster's name."""
    public_addresses: Mapping[str, str]
    """Reserved external addresses to make, by gateway: its name in Google Cloud."""
    internal_addresses: Mapping[str, str]
    """Reserved internal addresses, in the same way."""
    hosts: Mapping[str, Sequence[str]]
    """Hosts of each gateway with a public address, for the DNS zone."""
    protect: bool
    """Refuses to delete what other teams' allow-lists, DNS zones and clusters rely on."""
    peer_vpc: str | None = None
    """The VPC of the other cluster of the mesh, projects/PROJECT/global/networks/NAME."""


class Network(pulumi.ComponentResource):
    """VPC, subnets, NAT, and the addresses of the gateways."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:gke:Network", name, None, opts)
        self._spec = spec = args.spec
        self._prefix = args.prefix
        self._keep = args.protect
        self.network = gcp.compute.Network(
            f"{args.prefix}-network",
            # Of the default network's kind, a subnet appears in every region, and each admits SSH from anywhere.
            auto_create_subnetworks=False,
            routing_mode=spec.routing.upper(),
            mtu=spec.mtu,
            opts=self._kept(),
        )
        self.nodes = gcp.compute.Subnetwork(
            f"{args.prefix}-nodes",
            network=self.network.id,
            region=spec.region,
            ip_cidr_range=spec.nodes,
            # Nodes have no public address; without it they reach Google's APIs by NAT, which is billed and can run out.
            private_ip_google_access=True,
            secondary_ip_ranges=[
                gcp.compute.SubnetworkSecondaryIpRangeArgs(range_name=PODS, ip_cidr_range=spec.pods),
                gcp.compute.SubnetworkSecondaryIpRangeArgs(range_name=SERVICES, ip_cidr_range=spec.services),
            ],
            stack_type="IPV4_ONLY",
            log_config=_flow_logs(spec.flow_logs),
            opts=self._kept(),
        )
        # A range of its own for the control plane's endpoint, so that the source of webhook calls is known beforehand.
        # Never together with master_ipv4_cidr_block, which GKE then refuses.
        self.control_plane = gcp.compute.Subnetwork(
            f"{args.prefix}-control-plane",
            network=self.network.id,
            region=spec.region,
            ip_cidr_range=spec.control_plane,
            private_ip_google_access=True,
            opts=self._kept(),
        )
        if spec.proxy_only is not None:
            gcp.compute.Subnetwork(
                f"{args.prefix}-proxy-only",
                network=self.network.id,
                region=spec.region,
                ip_cidr_range=spec.proxy_only,
                purpose="REGIONAL_MANAGED_PROXY",
                role="ACTIVE",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.nat_addresses = [self._external(f"{args.prefix}-nat-{number}") for number in range(spec.nat.addresses)]
        self.nat = self._nat(spec.nat)
        self.public_addresses = {
            gateway: self._external(address, name=address) for gateway, address in args.public_addresses.items()
        }
        self.internal_addresses = {
            gateway: gcp.compute.Address(
                address,
                name=address,
                region=spec.region,
                address_type="INTERNAL",
                purpose="SHARED_LOADBALANCER_VIP",
                subnetwork=self.nodes.id,
                opts=self._kept(),
            )
            for gateway, address in args.internal_addresses.items()
        }
        if args.peer_vpc is not None:
            # This side of it; the other stack makes the other side, and there is no way until both are there.
            gcp.compute.NetworkPeering(
                f"{args.prefix}-peer",
                network=self.network.id,
                peer_network=args.peer_vpc,
                # Ranges of public addresses that somebody uses inside stay where they are.
                export_subnet_routes_with_public_ip=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.dns_names: list[str] = []
        if spec.dns is not None:
            self._records(spec.dns.zone, spec.dns.ttl, args.hosts)
        self.register_outputs({"network": self.network.id, "nodes": self.nodes.id})

    @property
    def nat_ips(self) -> pulumi.Output[list[str]]:
        """Addresses that the cluster calls out from."""
        return pulumi.Output.all(*(address.address for address in self.nat_addresses)).apply(list)

    def _kept(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, protect=self._keep)

    def _external(self, logical_name: str, name: str | None = None) -> gcp.compute.Address:
        """A regional address: a passthrough load balancer and NAT take no global ones."""
        return gcp.compute.Address(
            logical_name,
            name=name,
            region=self._spec.region,
            address_type="EXTERNAL",
            network_tier="PREMIUM",
            opts=self._kept(),
        )

    def _nat(self, spec: NatSpec) -> gcp.compute.RouterNat:
        router = gcp.compute.Router(
            f"{self._prefix}-router",
            network=self.network.id,
            region=self._spec.region,
            opts=pulumi.ResourceOptions(parent=self),
        )
        drained = [self.nat_addresses[number].self_link for number in sorted(set(spec.drain))]
        return gcp.compute.RouterNat(
            f"{self._prefix}-nat",
            router=router.name,
            region=self._spec.region,
            nat_ip_allocate_option="MANUAL_ONLY",
            nat_ips=[
                address.self_link for number, address in enumerate(self.nat_addresses) if number not in spec.drain
            ],
            # A new NAT refuses the field, even when it is empty.
            drain_nat_ips=drained or None,
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[
                gcp.compute.RouterNatSubnetworkArgs(name=self.nodes.id, source_ip_ranges_to_nats=["ALL_IP_RANGES"])
            ],
            # Ports as they are needed, instead of 64 per node for good: many pods of a node call one host. GKE's NAT
            # then gives up endpoint-independent mapping, which only peer-to-peer protocols need.
            enable_dynamic_port_allocation=True,
            enable_endpoint_independent_mapping=False,
            min_ports_per_vm=spec.min_ports,
            max_ports_per_vm=spec.max_ports,
            log_config=gcp.compute.RouterNatLogConfigArgs(enable=spec.log != "none", filter=_NAT_LOGS[spec.log]),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _records(self, zone: str, ttl: int, hosts: Mapping[str, Sequence[str]]) -> None:
        for gateway, address in self.public_addresses.items():
            for host in hosts.get(gateway, ()):
                self.dns_names.append(host)
                gcp.dns.RecordSet(
                    f"{host}.",
                    managed_zone=zone,
                    name=f"{host}.",
                    type="A",
                    ttl=ttl,
                    rrdatas=[address.address],
                    opts=pulumi.ResourceOptions(parent=self),
                )


def _flow_logs(spec: FlowLogsSpec | None) -> gcp.compute.SubnetworkLogConfigArgs | None:
    if spec is None:
        return None
    return gcp.compute.SubnetworkLogConfigArgs(
        aggregation_interval=_INTERVALS[spec.interval],
        flow_sampling=spec.sampling,
        metadata=_METADATA[spec.metadata],
    )
