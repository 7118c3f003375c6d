"""consecutiveGatewayErrors that can never come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping, whole

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP205",
    WARNING,
    "consecutiveGatewayErrors that can never come first",
    symptoms=("a setting has no effect", "circuit breaker never opens"),
    why="""
502, 503 and 504 are counted in both counters. If `consecutiveGatewayErrors` is not below `consecutive5xxErrors` (5
where it is not set), the other one always ejects first. Set `consecutive5xxErrors: 0` to look at gateway errors
alone.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {outlierDetection: {consecutiveGatewayErrors: 5, consecutive5xxErrors: 5}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {outlierDetection: {consecutiveGatewayErrors: 5, consecutive5xxErrors: 0}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            detection = mapping(policy, "outlierDetection")
            gateway = whole(detection, "consecutiveGatewayErrors")
            server = whole(detection, "consecutive5xxErrors")
            server = 5 if server is None else server
            if gateway and server and gateway >= server:
                where = (*path, "outlierDetection", "consecutiveGatewayErrors")
                problem = f"is {gateway}, not below consecutive5xxErrors ({server}), so it has no effect"
                yield Hit(rule_.obj, where, problem, "lower it, or write consecutive5xxErrors: 0")
