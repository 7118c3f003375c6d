"""Locality settings without outlier detection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP214",
    WARNING,
    "Locality settings without outlier detection",
    symptoms=("a setting has no effect", "traffic crosses zones"),
    why="""
Envoy prefers near endpoints only if it can tell that they are healthy, and outlier detection is how: without it in
the same policy, `localityLbSetting` with failover does nothing.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    loadBalancer: {localityLbSetting: {enabled: true, failover: [{from: us-east1, to: us-central1}]}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    loadBalancer: {localityLbSetting: {enabled: true, failover: [{from: us-east1, to: us-central1}]}}
    outlierDetection: {consecutive5xxErrors: 5}
""",
    sources=("https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/failover/",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            balancer = mapping(policy, "loadBalancer")
            locality = mapping(balancer, "localityLbSetting")
            where = (*path, "loadBalancer", "localityLbSetting")
            inherited = mapping(rule_.policy, "outlierDetection")
            distributes = "distribute" in locality
            if locality and not distributes and not mapping(policy, "outlierDetection") and not inherited:
                problem = "has no outlierDetection beside it, so nothing fails over"
                yield Hit(rule_.obj, where, problem, "add outlierDetection to the same traffic policy")
            if locality and "zoneAwareLbSetting" in balancer:
                yield Hit(
                    rule_.obj, where, "stands beside zoneAwareLbSetting, which excludes it", "keep one of them", ERROR
                )
