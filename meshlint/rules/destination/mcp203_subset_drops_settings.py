"""A subset's block drops settings of its rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import Json, mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP203",
    WARNING,
    "A subset's block drops settings of its rule",
    symptoms=("a setting has no effect", "requests hang on connect"),
    why="""
`connectionPool` and `outlierDetection` of a subset replace the whole block of the rule; what the subset does not
repeat falls back to Istio's default: connectTimeout 10s, no limit on pending requests and retries. A subset's
complete block is fine, and so is none.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    connectionPool: {tcp: {connectTimeout: 3s}, http: {http1MaxPendingRequests: 1024}}
  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 500}}}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    connectionPool: {tcp: {connectTimeout: 3s, maxConnections: 500}, http: {http1MaxPendingRequests: 1024}}
  subsets:
  - {name: v1, labels: {version: v1}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for block in ("connectionPool", "outlierDetection"):
            parent = _leaves(mapping(rule_.policy, block))
            for subset in rule_.subsets:
                own = mapping(subset.policy, block)
                lost = sorted(parent - _leaves(own))
                if own and lost:
                    where = (*subset.path, "trafficPolicy", block)
                    problem = f"replaces the block of spec.trafficPolicy and loses its {', '.join(lost)}"
                    yield Hit(rule_.obj, where, problem, "repeat them in the subset, or remove its block")


def _leaves(block: Json, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, inner in block.items():
        found |= _leaves(mapping(inner), f"{prefix}{name}.") if isinstance(inner, dict) else {f"{prefix}{name}"}
    return found
