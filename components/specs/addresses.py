"""Which gateways of a GKE stack get a reserved address, and what it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.components.specs.cluster_gke import GkeClusterSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.components.specs.cluster import ExistingClusterSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


def reserved_addresses(
    cluster: GkeClusterSpec | ExistingClusterSpec, gateways: Mapping[str, GatewaySpec]
) -> dict[str, str]:
    """Name of the address that this stack reserves for each gateway with a load balancer, by gateway.

    A load balancer without one loses its address when its Service is made anew. A gateway that names an address itself
    keeps that.
    """
    if not isinstance(cluster, GkeClusterSpec):
        return {}
    return {
        name: f"{cluster.name}-{name}"
        for name, gateway in gateways.items()
        if gateway.service_type == "LoadBalancer" and gateway.workload.service.address is None
    }
