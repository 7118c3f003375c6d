"""A DestinationRule that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import destination_rule
from meshlint.validation.refusal import refused

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP011",
    ERROR,
    "A DestinationRule that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows it, Istio's validating webhook or the rules of the CRD do not: a subset twice, a name or label that is
none, a traffic policy that sets nothing, a duration below one millisecond, failover together with distribution.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web.shop.svc.cluster.local
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 5, baseEjectionTime: 0s, maxEjectionPercent: 50}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web.shop.svc.cluster.local
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 5, baseEjectionTime: 30s, maxEjectionPercent: 50}
""",
    sources=(
        "https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go",
        "https://istio.io/latest/docs/reference/config/networking/destination-rule/",
    ),
)
def check(mesh: MeshView) -> Hits:
    yield from refused(mesh, "DestinationRule", destination_rule.validate)
