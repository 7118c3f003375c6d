"""What a GKE stack exports beside its mesh: for people with kubectl, for network and security teams, for app teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pulumi
from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from chatgpt_mesh.components.identity import principal_prefix, workload_pool
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from chatgpt_mesh.components.gke import Gke
    from chatgpt_mesh.mesh.build import Mesh

_DESCRIBED = ConfigDict(use_attribute_docstrings=True, extra="forbid")


@with_config(_DESCRIBED)
class NodePoolOutput(TypedDict):
    """A node pool."""

    name: str
    """Its name in GKE, which a replacement changes."""
    version: str
    """Version of Kubernetes on its nodes."""
    instance_group_urls: list[str]
    """Managed instance groups behind it."""
    labels: dict[str, str]
    """Kubernetes labels of its nodes."""
    taints: list[dict[str, str]]
    """Taints of its nodes, as pods tolerate them."""


@with_config(_DESCRIBED)
class IstioContractOutput(TypedDict):
    """What the installation of Istio counts on."""

    platform: Literal["gke"]
    """Platform of Istio's charts."""
    data_plane: str
    """`sidecar`."""
    cni_namespace: str
    """Namespace of the CNI plugin."""
    gateway_api_owner: str
    """Who owns the CRDs of the Gateway API: `nobody` or `gke`."""
    trust_domain: str
    """Trust domain of the mesh."""
    webhook_port: int
    """Port of istiod that the control plane reaches through the firewall."""


@with_config(_DESCRIBED)
class GkeOutputs(TypedDict, total=False):
    """Outputs of a stack with cluster.kind gke."""

    project: str
    """Project of everything."""
    location: str
    """Region of everything."""
    cluster_name: str
    """Name of the cluster."""
    cluster_id: str
    """projects/PROJECT/locations/REGION/clusters/NAME."""
    self_link: str
    """URL of the cluster in Google's API."""
    master_version: str
    """Version of the control plane."""
    release_channel: str
    """Release channel."""
    get_credentials_command: str
    """Writes a kubeconfig for a person."""
    kubeconfig: str
    """Kubeconfig (secret)."""
    kubeconfig_mode: Literal["plugin", "token"]
    """How it logs in: by gke-gcloud-auth-plugin, or by a token of an hour."""
    dns_endpoint: str
    """Name of the control plane; empty where only the address is used."""
    private_endpoint: str
    """Address of the control plane in the VPC."""
    public_endpoint: str
    """What GKE calls the cluster's endpoint: an address, or with address endpoints off the DNS name."""
    ca_certificate: str
    """Certificate authority of the address (not of the DNS endpoint), as base64."""
    workload_pool: str
    """Pool of Workload Identity."""
    wi_principal_prefix: str | None
    """IAM principal of a Kubernetes service account, without its end `/ns/NAMESPACE/sa/NAME`; null without
    project_number."""
    node_service_account_email: str
    """Account of the nodes, to be granted access to registries."""
    ingress_addresses: dict[str, str]
    """Reserved address of each gateway with a load balancer, for DNS."""
    ingress_address_names: dict[str, str]
    """Their names in Google Cloud."""
    ingress_region: str
    """Their region."""
    dns_names: list[str]
    """Names that this stack keeps records of."""
    nat_ips: list[str]
    """Addresses that the cluster calls out from, for partners' allow-lists."""
    network_id: str
    """The VPC."""
    subnet_id: str
    """Subnet of the nodes."""
    subnet_cidr: str
    """Range of the nodes."""
    pods_cidr: str
    """Range of the pods."""
    services_cidr: str
    """Range of the Services."""
    control_plane_cidr: str
    """Range of the control plane's endpoint."""
    node_network_tag: str
    """Network tag of every node, for firewall rules."""
    node_pools: dict[str, NodePoolOutput]
    """Node pools by name."""
    istio_contract: IstioContractOutput
    """What Istio counts on."""
    managed_prometheus_enabled: bool
    """Whether PodMonitorings are scraped."""
    notification_topic: str | None
    """Pub/Sub topic of upgrades and security bulletins."""
    backup_plan_id: str | None
    """Backup plan."""
    fleet_membership: str | None
    """Project of the fleet that the cluster is in."""


def gke_outputs(gke: Gke, mesh: Mesh) -> dict[str, Any]:
    """Values of the contract, many of which are known to the engine only later."""
    args, cluster = gke.args, gke.cluster.cluster
    spec, ranges = args.cluster, args.network
    addresses = {**gke.network.public_addresses, **gke.network.internal_addresses}
    flag = "--dns-endpoint" if spec.access.ip is None else "--internal-ip" if spec.access.ip.private else ""
    command = (
        f"gcloud container clusters get-credentials {spec.name} --region {ranges.region} --project {args.project} "
        f"{flag}"
    )
    outputs = {
        "project": args.project,
        "location": ranges.region,
        "cluster_name": spec.name,
        "cluster_id": gke.identifier,
        "self_link": cluster.self_link,
        "master_version": cluster.master_version,
        "release_channel": spec.release_channel,
        "get_credentials_command": command.strip(),
        "kubeconfig": gke.kubeconfig,
        "kubeconfig_mode": spec.access.login,
        "dns_endpoint": gke.cluster.dns_endpoint,
        "private_endpoint": gke.cluster.private_endpoint,
        "public_endpoint": cluster.endpoint,
        "ca_certificate": gke.cluster.ca_certificate,
        "workload_pool": workload_pool(args.project),
        "wi_principal_prefix": principal_prefix(args.project, args.project_number) if args.project_number else None,
        "node_service_account_email": gke.nodes.email,
        "ingress_addresses": {name: address.address for name, address in addresses.items()},
        "ingress_address_names": dict(args.addresses),
        "ingress_region": ranges.region,
        "dns_names": gke.network.dns_names,
        "nat_ips": gke.network.nat_ips,
        "network_id": gke.network.network.id,
        "subnet_id": gke.network.nodes.id,
        "subnet_cidr": ranges.nodes,
        "pods_cidr": ranges.pods,
        "services_cidr": ranges.services,
        "control_plane_cidr": ranges.control_plane,
        "node_network_tag": gke.node_tag,
        "node_pools": {
            name: {
                "name": gke.pools.pools[name].name,
                "version": gke.pools.pools[name].version,
                "instance_group_urls": gke.pools.pools[name].instance_group_urls,
                "labels": dict(pool.labels),
                "taints": [taint.model_dump() for taint in pool.taints],
            }
            for name, pool in spec.pools.items()
        },
        "istio_contract": {
            "platform": "gke",
            "data_plane": args.istio.data_plane,
            "cni_namespace": ROOT_NAMESPACE,
            "gateway_api_owner": "gke" if spec.gateway_api == "gke" else "nobody",
            "trust_domain": mesh.spec.trust_domain,
            "webhook_port": 15017,
        },
        "managed_prometheus_enabled": spec.observability.managed_prometheus,
        "notification_topic": gke.cluster.upgrades.id if gke.cluster.upgrades else None,
        "backup_plan_id": gke.cluster.backup_plan.id if gke.cluster.backup_plan else None,
        "fleet_membership": spec.security.fleet_project,
    }
    return {name: pulumi.Output.secret(value) if name == "kubeconfig" else value for name, value in outputs.items()}
