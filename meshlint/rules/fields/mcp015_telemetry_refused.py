"""A Telemetry that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import telemetry
from meshlint.validation.refusal import refused

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP015",
    ERROR,
    "A Telemetry that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows it, Istio's validating webhook or the rules of the CRD do not: a provider without a name, a sampling
beyond 100 percent, a tag of a span that is empty, a selector beside targetRefs.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: shop}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides: {outcome: {operation: UPSERT}}
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: shop}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: REQUEST_COUNT, mode: SERVER}
      tagOverrides: {outcome: {operation: UPSERT, value: "response.code >= 500 ? 'error' : 'ok'"}}
""",
    sources=("https://istio.io/latest/docs/reference/config/telemetry/",),
)
def check(mesh: MeshView) -> Hits:
    yield from refused(mesh, "Telemetry", telemetry.validate)
