"""What a namespace of apps may use, and which people work in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, Memory
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import Count, Many, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set


def _everybody(group: str) -> str | None:
    if group in ("system:authenticated", "system:unauthenticated", "system:serviceaccounts"):
        return "is everybody, or every pod; name the group of the people who work here"
    return None


if TYPE_CHECKING:
    Group = str
else:
    Group = text_like(
        r"[A-Za-z0-9]([A-Za-z0-9._:@/+-]*[A-Za-z0-9])?",
        "must be a group as the cluster knows it, on GKE its mail address, such as chatgpt@example.com",
        longest=253,
        examples=["chatgpt@example.com"],
        further=_everybody,
    )


class QuotaSpec(Spec):
    """A ResourceQuota: https://kubernetes.io/docs/concepts/policy/resource-quotas/"""

    pods: Count | None = Field(default=None, ge=1)
    """Pods at a time, those of a rollout's second version included. None: no limit."""
    cpu: Cpu | None = None
    """CPU that all pods request together, such as "40". Pods without a request are then refused."""
    memory: Memory | None = None
    """Memory that all pods request together, such as 80Gi. Pods without a request are then refused."""
    load_balancers: Count = Field(default=0, ge=0)
    """Services of type LoadBalancer. None by default: each would be a way in past the gateways."""
    node_ports: Count = Field(default=0, ge=0)
    """Services with a port on every node. None by default, for the same reason."""


class NamespaceSpec(Spec):
    """One namespace in which apps of this stack run."""

    existing: bool = False
    """Somebody else makes it: this stack neither makes nor labels it. It then needs the labels that `python -m mesh
    needs STACK` lists, or its pods get no sidecar."""
    quota: QuotaSpec | None = None
    """What everything in it may use together. None: no quota."""
    editors: Many[Group] = ()
    """Groups, by the names that the cluster knows them by, that may change workloads here (the role `edit`)."""
    viewers: Many[Group] = ()
    """Groups that may look and not change, Secrets excepted (the role `view`)."""


def problems(read: Mapping[str, Any], unread: Set[str]) -> Iterator[Problem]:
    """Namespaces in which no app runs, which this stack therefore does not make."""
    if any(path.partition(".")[0] in ("apps", "grants") for path in unread):
        return
    granted = (name for grant in read.get("grants", {}).values() for name in grant.namespaces)
    made = sorted({*(app.namespace for app in read.get("apps", {}).values()), *granted})
    for name in read.get("namespaces", {}):
        if name not in made:
            yield Problem(
                f"namespaces.{name}",
                f"no app of this stack runs in it, and no grant names it; there are: {', '.join(made)}",
            )
