"""The pods and the Service of a gateway: how many, how large, where, and by which address."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from chatgpt_mesh.mesh.specs import scalar
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, LabelKey, LabelValue, Memory, amount
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import refuse, text_that
from chatgpt_mesh.mesh.specs.spec import Cidr, Count, Labels, Many, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator


class ReplicasSpec(Spec):
    """Bounds of the horizontal autoscaler; the same number twice means a fixed count without autoscaler."""

    min: Count = Field(default=2, ge=1)
    """Lowest count. Two and more get a PodDisruptionBudget."""
    max: Count = Field(default=5, ge=1)
    """Highest count."""


class ResourcesSpec(Spec):
    """Kubernetes resource quantities of the proxy container."""

    cpu: Cpu = "500m"
    """Requested CPU."""
    memory: Memory = "256Mi"
    """Requested memory."""
    cpu_limit: Cpu | None = None
    """Limit of CPU. Default: none, since throttling a proxy shows as latency everywhere."""
    memory_limit: Memory | None = "1Gi"
    """Limit of memory."""


_ADDRESS_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def is_address(text: str) -> bool:
    """Whether it is an address of IPv4 or IPv6, and no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _address_refusal(text: str) -> str | None:
    if is_address(text) or _ADDRESS_NAME.fullmatch(text):
        return None
    return (
        "must be an IP address, or the name of a reserved one: lower-case letters, digits and '-', at most 63, "
        "starting with a letter"
    )


Address = Annotated[str, text_that(_address_refusal)]
"""An IP address, or the name of a reserved one."""

_TOLERATION_KEYS = {
    "key": TypeAdapter[str](LabelKey),
    "operator": TypeAdapter[str](Literal["Exists", "Equal"]),
    "value": TypeAdapter[str](LabelValue),
    "effect": TypeAdapter[str](Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]),
}


def _toleration(given: dict[str, str]) -> dict[str, str]:
    for key, value in given.items():
        if key not in _TOLERATION_KEYS:
            raise refuse(f"{scalar.shortened(key)!r} is no part of a toleration: {', '.join(_TOLERATION_KEYS)}")
        try:
            _TOLERATION_KEYS[key].validate_python(value)
        except ValueError:
            raise refuse(f"{key} is nothing that Kubernetes takes there: {scalar.shortened(value)!r}") from None
    if given.get("operator") == "Exists" and given.get("value"):
        raise refuse("operator Exists takes every value; remove value, or write Equal")
    if "key" not in given and given.get("operator") != "Exists":
        raise refuse("needs key, or operator: Exists to tolerate every taint")
    return given


Toleration = Annotated[dict[str, str], AfterValidator(_toleration)]
"""A toleration as in a pod."""


class GatewayServiceSpec(Spec):
    """The Kubernetes Service in front of the gateway's pods."""

    type: Literal["LoadBalancer", "ClusterIP", "NodePort"] | None = None
    """Default: LoadBalancer for public and internal gateways, ClusterIP for egress."""
    address: Address | None = None
    """Reserved IP address, or the name of a reserved address, that the load balancer takes."""
    annotations: dict[LabelKey, str] = {}
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
    min_available: Count = Field(default=1, ge=1)
    """PodDisruptionBudget: replicas that must stay. Below `replicas.min`, or no node could ever be drained."""
    resources: ResourcesSpec = ResourcesSpec()
    """Requests and limits."""
    spread: Many[Literal["zone", "node"]] = ("zone", "node")
    """Spread replicas over zones and nodes where it can be done (ScheduleAnyway)."""
    node_selector: Labels = {}
    """Labels that nodes for this gateway must have."""
    tolerations: Many[Toleration] = ()
    """Taints that this gateway's pods tolerate, as in a pod."""
    service: GatewayServiceSpec = GatewayServiceSpec()
    """The Service."""


def resource_problems(path: str, resources: ResourcesSpec) -> Iterator[Problem]:
    """A limit below the request, which the API server refuses."""
    for name in ("cpu", "memory"):
        request, limit = getattr(resources, name), getattr(resources, f"{name}_limit")
        asked, most = amount(request), amount(limit) if limit is not None else None
        if asked is not None and most is not None and most < asked:
            yield Problem(f"{path}.{name}_limit", f"must be at least {name}, which is {request}", limit)


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
    yield from resource_problems(f"{path}.resources", spec.resources)
    if spec.service.source_ranges and service_type != "LoadBalancer":
        yield Problem(
            f"{path}.service.source_ranges",
            f"only a LoadBalancer filters client networks, and this Service is of type {service_type}; remove it",
        )
