"""The cluster of a stack, whichever kind it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.components.provider import ConnectedCluster, existing_cluster
from chatgpt_mesh.components.specs.addresses import reserved_addresses
from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.stack.settings import Settings


def connect(settings: Settings, mesh: Mesh) -> ConnectedCluster:
    """Makes the stack's cluster, or adopts the one that is there."""
    spec = settings.cluster
    if not isinstance(spec, GkeClusterSpec):
        return existing_cluster(spec, platform=settings.istio.platform)
    if settings.project is None or settings.network is None:
        raise ValueError("settings with cluster.kind gke have project and network; settings.load() sees to it")
    # Here and not above: a stack that makes no cluster does not wait for Pulumi's large module of Google Cloud.
    from chatgpt_mesh.components.gke import Gke, GkeArgs
    from chatgpt_mesh.components.gke_outputs import gke_outputs

    gke = Gke(
        "gke",
        GkeArgs(
            project=settings.project,
            project_number=settings.project_number,
            network=settings.network,
            cluster=spec,
            istio=settings.istio,
            gateways=mesh.gateways,
            addresses=reserved_addresses(spec, mesh.gateways),
            apps={name: mesh.graph.app_identity(name) for name in mesh.graph.apps},
        ),
    )
    return ConnectedCluster(provider=gke.kubernetes, access=gke.access, platform="gke", outputs=gke_outputs(gke, mesh))
