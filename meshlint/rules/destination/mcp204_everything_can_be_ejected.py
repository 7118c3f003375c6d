"""Outlier detection that may eject every endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import whole

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP204",
    INFO,
    "Outlier detection that may eject every endpoint",
    symptoms=("503 with flag UH", "a short fault becomes an outage"),
    why="""
With `maxEjectionPercent: 100` all endpoints can be ejected at once, and the service answers 503 until the ejection
time is over, longer each time. Keep some: 50 per cent, or set `minHealthPercent` so that Envoy ignores ejection when
too few are left (0, the default in Istio, never does).
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 5, maxEjectionPercent: 100}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 5, maxEjectionPercent: 50}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            limit = whole(policy, "outlierDetection", "maxEjectionPercent")
            if limit is not None and limit >= 90 and not whole(policy, "outlierDetection", "minHealthPercent"):
                where = (*path, "outlierDetection", "maxEjectionPercent")
                yield Hit(
                    rule_.obj,
                    where,
                    f"is {limit}, so a fault can empty the service",
                    "write 50, or set minHealthPercent",
                )
