"""A subset without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP220",
    INFO,
    "A subset without labels",
    symptoms=("canary gets no traffic", "a split differs from its weights"),
    why="""
A subset without labels holds every pod of the host, whatever its name promises: a canary by that name gets requests for
all versions.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for subset in rule_.subsets:
            if not subset.labels and not mapping(subset.policy):
                yield Hit(rule_.obj, (*subset.path, "labels"), "is absent, so the subset holds every pod", "add labels")
