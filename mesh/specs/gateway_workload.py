"""The pods and the Service of a gateway: how many, how large, where, and by which address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Cidr, Labels, Many, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator


class ReplicasSpec(Spec):
    """Bounds of the horizontal autoscaler; the same number twice means a fixed count without autoscaler."""

    min: int = Field(default=2, ge=1)
    """Lowest count. Two and more get a PodDisruptionBudget."""
    max: int = Field(default=5, ge=1)
    """Highest count."""


class ResourcesSpec(Spec):
    """Kubernetes resource quantities of the proxy container."""

    cpu: str = "500m"
    """Requested CPU."""
    memory: str = "256Mi"
    """Requested memory."""
    cpu_limit: str | None = None
    """Limit of CPU. Default: none, since throttling a proxy shows as latency everywhere."""
    memory_limit: str | None = "1Gi"
    """Limit of memory."""


class GatewayServiceSpec(Spec):
    """The Kubernetes Service in front of the gateway's pods."""

    type: Literal["LoadBalancer", "ClusterIP", "NodePort"] | None = None
    """Default: LoadBalancer for public and internal gateways, ClusterIP for egress."""
    address: str | None = None
    """Reserved IP address, or the name of a reserved address, that the load balancer takes."""
    annotations: dict[str, str] = {}
    """Further annotations of the Service."""
    source_ranges: Many[Cidr] = ()
    """Client networks that the load balancer lets in. Empty: all."""
    external_traffic_policy: Literal["Local", "Cluster"] = "Local"
    """Local keeps the client's address; Cluster replaces it by the node's."""


class WorkloadSpec(Spec):
    """The gateway's pods."""

    replicas: ReplicasSpec = ReplicasSpec()
    """How many."""
    target_cpu_percent: int = Field(default=70, ge=1, le=100)
    """Mean CPU use, in percent of the request, at which the autoscaler adds a replica."""
    min_available: int = Field(default=1, ge=1)
    """PodDisruptionBudget: replicas that must stay. Below `replicas.min`, or no node could ever be drained."""
    resources: ResourcesSpec = ResourcesSpec()
    """Requests and limits."""
    spread: Many[Literal["zone", "node"]] = ("zone", "node")
    """Spread replicas over zones and nodes where it can be done (ScheduleAnyway)."""
    node_selector: Labels = {}
    """Labels that nodes for this gateway must have."""
    tolerations: Many[dict[str, str]] = ()
    """Taints that this gateway's pods tolerate, as in a pod."""
    service: GatewayServiceSpec = GatewayServiceSpec()
    """The Service."""


def problems(path: str, spec: WorkloadSpec, service_type: str) -> Iterator[Problem]:
    replicas = spec.replicas
    if replicas.max < replicas.min:
        yield Problem(f"{path}.replicas.max", f"must be at least replicas.min, which is {replicas.min}", replicas.max)
    if replicas.min > 1 and spec.min_available >= replicas.min:
        yield Problem(
            f"{path}.min_available",
            f"must be below replicas.min, which is {replicas.min}: a budget of all replicas blocks every node upgrade",
            spec.min_available,
        )
    if spec.service.source_ranges and service_type != "LoadBalancer":
        yield Problem(
            f"{path}.service.source_ranges",
            f"only a LoadBalancer filters client networks, and this Service is of type {service_type}; remove it",
        )
