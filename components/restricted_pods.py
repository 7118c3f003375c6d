"""What pods outside the mesh's own have, as Pod Security `restricted` asks. Pure.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec

_NOT_ROOT: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}

NO_PRIVILEGE: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
"""A container's security, where its pod says who runs it."""

RESTRICTED: dict[str, Any] = {**NO_PRIVILEGE, **_NOT_ROOT}
"""A container's security, whatever its pod says."""


def run_as(user: int) -> dict[str, Any]:
    """A pod's security: every container runs as this user and group."""
    return {**_NOT_ROOT, "runAsUser": user, "runAsGroup": user}


def owning_volumes(user: int) -> dict[str, Any]:
    """The same where the user writes to a volume."""
    return {**run_as(user), "fsGroup": user}


def requested(asked: ResourcesSpec) -> dict[str, Any]:
    """Requests and limits of a container; a limit that is None is not there."""
    limits = {"cpu": asked.cpu_limit, "memory": asked.memory_limit}
    said = {name: limit for name, limit in limits.items() if limit is not None}
    return {"requests": {"cpu": asked.cpu, "memory": asked.memory}, **({"limits": said} if said else {})}


def disruption_budget(metadata: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """One pod stays while nodes are emptied."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": {
            "minAvailable": 1,
            # A pod that is not healthy protects nothing, and must not hold up a node's upgrade.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": dict(labels)},
        },
    }
