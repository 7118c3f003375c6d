"""The cluster of a stack, whichever kind it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.components.provider import ConnectedCluster, existing_cluster
from chatgpt_mesh.components.specs.addresses import reserved_addresses
from chatgpt_mesh.components.specs.cert_manager import cloud_dns_zones
from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec

if TYPE_CHECKING:
    from chatgpt_mesh.components.specs.cert_manager import CertManagerSpec
    from chatgpt_mesh.components.specs.cluster import ClusterSpec
    from chatgpt_mesh.components.specs.google_cloud import GoogleCloud
    from chatgpt_mesh.components.specs.istio import IstioSpec
    from chatgpt_mesh.mesh.build import Mesh


def connect(
    cluster: ClusterSpec,
    istio: IstioSpec,
    mesh: Mesh,
    google_cloud: GoogleCloud | None,
    cert_manager: CertManagerSpec | None = None,
) -> ConnectedCluster:
    """Makes the stack's cluster, or adopts the one that is there. `google_cloud` goes with cluster.kind gke."""
    if not isinstance(cluster, GkeClusterSpec):
        return existing_cluster(cluster, platform=istio.platform)
    if google_cloud is None:
        raise ValueError("a cluster of kind gke is made in a project and a network")
    # Here and not above: a stack that makes no cluster does not wait for Pulumi's large module of Google Cloud.
    from chatgpt_mesh.components.gke import Gke, GkeArgs
    from chatgpt_mesh.components.gke_outputs import gke_outputs

    gke = Gke(
        "gke",
        GkeArgs(
            project=google_cloud.project,
            project_number=google_cloud.project_number,
            network=google_cloud.network,
            cluster=cluster,
            istio=istio,
            gateways=mesh.gateways,
            addresses=reserved_addresses(cluster, mesh.gateways),
            apps={name: mesh.graph.app_identity(app) for name, app in mesh.graph.apps.items()},
            cert_manager=cert_manager,
            memorystore=mesh.spec.memorystore,
            challenge_zones=tuple(cloud_dns_zones(mesh.spec.certificate_issuers).values()),
            peer_vpc=_peer_vpc(istio),
        ),
    )
    return ConnectedCluster(
        provider=gke.kubernetes,
        definitions=gke.definitions,
        access=gke.access,
        platform="gke",
        outputs=gke_outputs(gke, mesh),
        api_server=gke.cluster.dns_endpoint.apply(lambda name: f"https://{name}"),
        memorystore=gke.memorystore,
    )


def _peer_vpc(istio: IstioSpec) -> str | None:
    """The VPC of the other cluster of the mesh, where its stack has made one."""
    peer = istio.multi_cluster and istio.multi_cluster.peer
    return peer.cluster.vpc if peer and peer.cluster else None
