"""Node pools of a GKE cluster."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from chatgpt_mesh.mesh.specs.google_names import MachineType, Zone
from chatgpt_mesh.mesh.specs.kubernetes_names import LabelKey, LabelValue
from chatgpt_mesh.mesh.specs.spec import Duration, Labels, Many, Spec, within


class NodeCountSpec(Spec):
    """Bounds of the cluster autoscaler, over all zones together."""

    min: Annotated[int, Field(ge=0)]
    """Lowest count."""
    max: Annotated[int, Field(ge=1, le=15000)]
    """Highest count; the planner of the ranges counts with it."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max must be at least min, which is {self.min}")
        return self


class DiskSpec(Spec):
    """Boot disk of a node."""

    type: Literal["pd-balanced", "pd-ssd", "pd-standard", "hyperdisk-balanced"] = "pd-balanced"
    """Type of the disk. https://cloud.google.com/kubernetes-engine/docs/how-to/custom-boot-disks"""
    size_gb: Annotated[int, Field(ge=20, le=2000)] = 100
    """Size in GB, 20 to 2000; images and logs of pods lie on it."""


class TaintSpec(Spec):
    """Keeps pods that do not tolerate it off the pool's nodes."""

    key: LabelKey
    """Key, such as `dedicated`."""
    value: LabelValue
    """Value, such as `istio-gateway`."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"
    """As Kubernetes writes it; GKE's API writes it otherwise, and the program converts."""


class UpgradeSpec(Spec):
    """How nodes are renewed at an upgrade of Kubernetes.
    https://cloud.google.com/kubernetes-engine/docs/concepts/node-pool-upgrade-strategies"""

    strategy: Literal["surge", "blue-green"] = "surge"
    """`surge` replaces node by node; `blue-green` sets up a second set first, and keeps the old one for `soak`."""
    max_surge: Annotated[int, Field(ge=0, le=20)] = 1
    """Nodes that are added during a surge upgrade."""
    max_unavailable: Annotated[int, Field(ge=0, le=20)] = 0
    """Nodes that may be missing during a surge upgrade. 0: capacity never falls."""
    soak: Annotated[Duration, within("1s", "168h")] = timedelta(hours=1)
    """How long a blue-green upgrade keeps the old nodes, for a way back."""

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.strategy == "surge" and self.max_surge + self.max_unavailable == 0:
            raise ValueError("max_surge and max_unavailable are both 0, so that no node could ever be upgraded")
        return self


class DrainSpec(Spec):
    """How nodes are emptied when their pool is deleted, which is how a pool is replaced."""

    respect_disruption_budgets: bool = True
    """Waits for PodDisruptionBudgets. Without it the replacement of a pool ends all of its pods at once."""
    budget_timeout: Duration = timedelta(hours=1)
    """How long a budget may hold a node back, 24 h at most."""
    grace: Duration = timedelta(minutes=15)
    """How long a pod may take to end; at least the longest call of the apps and their gateways' drain, 24 h at most."""

    @model_validator(mode="after")
    def _within_a_day(self) -> Self:
        longest = timedelta(hours=24)
        names = {"budget_timeout": self.budget_timeout, "grace": self.grace}
        wrong = [f"{name} must be 24h at most" for name, value in names.items() if value > longest]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class NodePoolSpec(Spec):
    """Nodes of one kind. A change that GKE cannot make in place replaces the pool: the new one is there before the old
    one is drained, since the pool's name is the engine's to choose."""

    machine_type: MachineType
    """Compute Engine machine type, such as `e2-standard-4`."""
    nodes: NodeCountSpec
    """How many, over all zones together."""
    zones: Many[Zone] = ()
    """Zones of this pool; by default those of the network."""
    max_pods_per_node: Annotated[int, Field(ge=8, le=256)] = 64
    """Pods per node, 8 to 256. Each node takes a block of the pods' range of twice that, rounded up to a power of two,
    so 64 pods take half the addresses of GKE's default of 110."""
    disk: DiskSpec = DiskSpec()
    """Boot disk."""
    spot: bool = False
    """Spot machines: cheaper, and taken away at 30 s notice."""
    labels: Labels = {}
    """Kubernetes labels of the nodes."""
    taints: Many[TaintSpec] = ()
    """Taints of the nodes. At least one pool has none of NoSchedule or NoExecute, or istiod finds no place."""
    image_streaming: bool = True
    """Starts containers while their image still loads.
    https://cloud.google.com/kubernetes-engine/docs/how-to/image-streaming"""
    pods_limit_of_processes: Annotated[int, Field(ge=1024, le=4194304)] = 4096
    """Processes that one pod may have, so that a fork bomb ends its pod and not its node."""
    upgrade: UpgradeSpec = UpgradeSpec()
    """How Kubernetes upgrades reach the nodes."""
    drain: DrainSpec = DrainSpec()
    """How the pool is emptied before it goes."""

    @property
    def pod_block(self) -> int:
        """Addresses of the pods' range that one node takes.

        https://cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr
        """
        return 1 << (2 * self.max_pods_per_node - 1).bit_length()

    @property
    def most_nodes(self) -> int:
        """Nodes that the pool can have for a while: during an upgrade, old and new ones."""
        surge = self.nodes.max if self.upgrade.strategy == "blue-green" else self.upgrade.max_surge
        return self.nodes.max + surge

    @property
    def open_to_all(self) -> bool:
        """Whether pods without tolerations run here, istiod among them."""
        return all(taint.effect == "PreferNoSchedule" for taint in self.taints)
