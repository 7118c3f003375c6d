"""Two subsets that select the same pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import text
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


MANAGED = "argo-rollouts.argoproj.io/managed-by-rollouts"
"""The annotation of what Argo Rollouts changes, by its documentation of traffic management with Istio."""


def _rolled_out(mesh: MeshView) -> set[tuple[str, str]]:
    """(namespace, name) of the DestinationRules whose subsets a Rollout keeps apart."""
    return {
        (rollout.namespace, name)
        for rollout in mesh.by_kind.get("Rollout", ())
        if (name := text(rollout.spec, "strategy", "canary", "trafficRouting", "istio", "destinationRule", "name"))
    }


@rule(
    "MCP217",
    WARNING,
    "Two subsets that select the same pods",
    symptoms=("a split differs from its weights",),
    why="""
A pod of the narrower subset belongs to the wider one too, so it gets a share of both routes, and each subset counts
its errors and connections apart.

A warning where the labels are equal; an info where one subset is narrower by a label more, which may be meant.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets:
  - {name: v2, labels: {version: v2}}
  - {name: v2-canary, labels: {version: v2, canary: "true"}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets:
  - {name: v2, labels: {version: v2, canary: "false"}}
  - {name: v2-canary, labels: {version: v2, canary: "true"}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset",),
)
def check(mesh: MeshView) -> Hits:
    rolled_out = _rolled_out(mesh)
    for rule_ in mesh.destination_rules:
        if (rule_.obj.namespace, rule_.obj.name) in rolled_out or MANAGED in rule_.obj.annotations:
            continue
        for position, subset in enumerate(rule_.subsets[:50]):
            for other in rule_.subsets[:position]:
                wide, narrow = (other, subset) if len(other.labels) <= len(subset.labels) else (subset, other)
                if wide.labels == narrow.labels and {wide.name, narrow.name} == {"stable", "canary"}:
                    # As Argo Rollouts wants them: it adds a label of each ReplicaSet to both.
                    continue
                if wide.labels and selects(wide.labels, narrow.labels):
                    problem = f"selects pods that subset {other.name!r} selects too"
                    mend = "give each version a label value of its own"
                    # One that is narrower by a label more may well be a part of the other on purpose.
                    severity, strict = (None, None) if wide.labels == narrow.labels else (INFO, WARNING)
                    yield Hit(rule_.obj, (*subset.path, "labels"), problem, mend, severity, strict)
