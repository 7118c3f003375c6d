"""Weights that are not percentages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP130",
    INFO,
    "Weights that are not percentages",
    symptoms=("a split differs from its weights",),
    why="""
Weights are relative: 95 and 10 give 90.5 and 9.5 per cent. Weights that sum to 100 say what they mean. A single
destination takes everything, whatever its weight.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route:
    - {destination: {host: web}, weight: 95}
    - {destination: {host: web-next}, weight: 10}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route:
    - {destination: {host: web}, weight: 95}
    - {destination: {host: web-next}, weight: 5}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        weights = [target.weight or 0 for target in route.destinations]
        total = sum(weights)
        where = (*route.path, "route")
        if len(weights) == 1 and route.destinations[0].weight not in (None, 100):
            problem = f"has one destination of weight {weights[0]}, which takes 100 % all the same"
            yield Hit(route.obj, where, problem, "remove the weight, or add the other destination")
        elif len(weights) > 1 and total not in (0, 100):
            shares = ", ".join(f"{weight / total:.1%}" for weight in weights)
            yield Hit(
                route.obj, where, f"has weights that sum to {total}, and so means {shares}", "let them sum to 100"
            )
