"""The other cluster of the mesh: which stack makes it, and what its outputs say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

from pydantic import PrivateAttr

from chatgpt_mesh.components.specs.contract import SCHEMA_VERSION
from chatgpt_mesh.mesh.specs.granted_by import StackName
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Spec
from chatgpt_mesh.mesh.specs.words import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

RANGES = {
    "nodes": "subnet_cidr",
    "pods": "pods_cidr",
    "services": "services_cidr",
    "control_plane": "control_plane_cidr",
}
"""Ranges of a stack's VPC, by their names in the stack file, and the outputs that have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCluster:
    """The other cluster, as its stack's outputs have it."""

    mesh: str
    trust_domain: str
    cluster: str
    network: str
    root_sha256: str
    istio_version: str
    failing_over: frozenset[str]
    """Services, by their full names, that it lets in."""
    peer: str
    """The stack that it names as its own peer."""
    kubeconfig: str | None = None
    """By which this cluster's istiod reads it; None for tools that see no secrets."""
    vpc: str | None = None
    """The VPC that its stack makes, if it does."""
    ranges: Mapping[str, str]
    """Ranges of that VPC, by their names in its stack file."""

    @property
    def callers(self) -> tuple[str, ...]:
        """Where its requests come from: a load balancer in the VPC keeps the address of the pod, or of its node."""
        return tuple(self.ranges[name] for name in ("nodes", "pods") if name in self.ranges)


class PeerSpec(Spec):
    """The other cluster of the mesh, whose stack names this one in turn."""

    stack: StackName
    """The stack that makes it. As long as it is not up, this cluster goes up alone; the next `up` connects the two."""
    outputs: Line | None = None
    """File with its outputs (`pulumi stack output --json`), for tools that run without Pulumi's engine. The engine does
    not read it."""
    _cluster: PeerCluster | None = PrivateAttr(default=None)

    @property
    def cluster(self) -> PeerCluster | None:
        """What there is: no setting, but read from the outputs. None as long as there are none."""
        return self._cluster

    def found(self, cluster: PeerCluster) -> Self:
        """The same, with what there is."""
        copy = self.model_copy()
        copy._cluster = cluster
        return copy


def from_outputs(path: str, stack: str, outputs: Mapping[str, Any]) -> PeerCluster | Problem | None:
    """What a stack's outputs say of its cluster; None where they say nothing of a mesh of several."""
    if not outputs.get("multi_cluster"):
        return None
    version = outputs.get("schema_version")
    if version != SCHEMA_VERSION:
        return Problem(
            f"{path}.stack",
            f"has outputs of version {version}, and this program reads version {SCHEMA_VERSION}; bring both stacks to "
            "the same chatgpt-mesh",
            stack,
        )
    said = cast("Mapping[str, Any]", outputs["multi_cluster"])
    kubeconfig = outputs.get("multi_cluster_reader")
    return PeerCluster(
        **{name: str(said[name]) for name in ("mesh", "cluster", "network", "root_sha256", "peer")},
        trust_domain=str(outputs["trust_domain"]),
        istio_version=str(outputs["istio_version"]),
        failing_over=frozenset(map(str, said["failing_over"])),
        kubeconfig=kubeconfig if isinstance(kubeconfig, str) and kubeconfig.startswith("{") else None,
        vpc=outputs.get("network_id"),
        ranges={name: str(outputs[key]) for name, key in RANGES.items() if outputs.get(key)},
    )


def named_by_another(path: str, own: str, stack: str, peer: PeerCluster) -> Problem | None:
    """Whether the other cluster is somebody else's peer. `own` is this stack as PROJECT/STACK."""
    if peer.peer.partition("/")[2] == own:
        return None
    return Problem(
        f"{path}.stack", f"names {peer.peer} as its own peer, and not this stack; two clusters name each other", stack
    )
