"""An expression in Mixer's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.envoy_cel import problem_of
from meshlint.rule import ERROR, Hit, rule
from meshlint.view.expressions import expressions

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP603",
    ERROR,
    "An expression in Mixer's language",
    symptoms=("proxy keeps old config", "metrics vanish after a change"),
    why="""
Mixer's expressions had `|` for a default and `conditional()`. CEL has neither, and Envoy refuses the listener that
carries one. Write `'x' in request.headers ? request.headers['x'] : 'unknown'`, and `a ? b : c`.
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
      tagOverrides: {outcome: {value: "response.code | 200"}}
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
      tagOverrides: {outcome: {value: "response.code >= 500 ? 'error' : 'ok'"}}
""",
    sources=("https://istio.io/latest/docs/tasks/observability/metrics/customize-metrics/",),
)
def check(mesh: MeshView) -> Hits:
    for expression in expressions(mesh):
        problem = problem_of(expression.text, boolean=expression.boolean)
        if problem is not None and problem.kind == "mixer":
            said = f"is {expression.text!r}: {problem.message}, and Envoy refuses the listener"
            yield Hit(expression.obj, expression.path, said, "write a CEL condition: a ? b : c")
