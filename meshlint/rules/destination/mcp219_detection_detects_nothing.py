"""Outlier detection that is switched off by its own settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping, whole

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP219",
    WARNING,
    "Outlier detection that is switched off by its own settings",
    symptoms=("circuit breaker never opens", "a setting has no effect"),
    why="""
With `consecutive5xxErrors: 0` and no other counter, nothing ever ejects; with `maxEjectionPercent: 0`, nothing may
be.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 0, interval: 10s}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5, interval: 10s}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            detection = mapping(policy, "outlierDetection")
            counters = [whole(detection, name) for name in COUNTERS]
            if detection and counters[0] == 0 and not any(counters[1:]):
                where = (*path, "outlierDetection", "consecutive5xxErrors")
                yield Hit(rule_.obj, where, "is 0, and no other counter is set", "set consecutiveGatewayErrors too")
            if whole(detection, "maxEjectionPercent") == 0:
                where = (*path, "outlierDetection", "maxEjectionPercent")
                yield Hit(rule_.obj, where, "is 0, so nothing may be ejected", "write 50")


COUNTERS = ("consecutive5xxErrors", "consecutiveGatewayErrors", "consecutiveLocalOriginFailures", "consecutiveErrors")
