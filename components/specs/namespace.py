"""What a namespace of apps may use, and which people work in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Many, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set


class QuotaSpec(Spec):
    """A ResourceQuota: https://kubernetes.io/docs/concepts/policy/resource-quotas/"""

    pods: int | None = Field(default=None, ge=1)
    """Pods at a time, those of a rollout's second version included. None: no limit."""
    cpu: str | None = None
    """CPU that all pods request together, such as "40". Pods without a request are then refused."""
    memory: str | None = None
    """Memory that all pods request together, such as 80Gi. Pods without a request are then refused."""
    load_balancers: int = Field(default=0, ge=0)
    """Services of type LoadBalancer. None by default: each would be a way in past the gateways."""
    node_ports: int = Field(default=0, ge=0)
    """Services with a port on every node. None by default, for the same reason."""


class NamespaceSpec(Spec):
    """One namespace in which apps of this stack run."""

    existing: bool = False
    """Somebody else makes it: this stack neither makes nor labels it. It then needs the labels that `python -m mesh
    needs STACK` lists, or its pods get no sidecar."""
    quota: QuotaSpec | None = None
    """What everything in it may use together. None: no quota."""
    editors: Many[str] = ()
    """Groups, by the names that the cluster knows them by, that may change workloads here (the role `edit`)."""
    viewers: Many[str] = ()
    """Groups that may look and not change, Secrets excepted (the role `view`)."""


def problems(read: Mapping[str, Any], unread: Set[str]) -> Iterator[Problem]:
    """Namespaces in which no app runs, which this stack therefore does not make."""
    if any(path == "apps" or path.startswith("apps.") for path in unread):
        return
    made = sorted({app.namespace for app in read.get("apps", {}).values()})
    for name in read.get("namespaces", {}):
        if name not in made:
            yield Problem(f"namespaces.{name}", f"no app of this stack runs in it; apps run in: {', '.join(made)}")
