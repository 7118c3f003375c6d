"""A CEL expression that does not parse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.envoy_cel import problem_of
from meshlint.rule import ERROR, Hit, rule
from meshlint.view.expressions import expressions

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP601",
    ERROR,
    "A CEL expression that does not parse",
    symptoms=("proxy keeps old config", "metrics vanish after a change"),
    why="""
Envoy refuses the whole listener: every proxy in the Telemetry's scope keeps its old configuration, for every later
change as well, and nothing in Kubernetes shows it (look at `listener_manager.lds.update_rejected`). The webhook does
not parse tags, and only some of filters. A trap: `has(request.headers['x'])` is refused, write `'x' in
request.headers`.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: log, namespace: shop}
spec:
  accessLogging:
  - providers: [{name: envoy}]
    filter: {expression: "has(request.headers['x-debug'])"}
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: log, namespace: shop}
spec:
  accessLogging:
  - providers: [{name: envoy}]
    filter: {expression: "'x-debug' in request.headers"}
""",
    sources=(
        "https://github.com/istio/istio/issues/57577",
        "https://github.com/google/cel-spec/blob/master/doc/langdef.md",
    ),
)
def check(mesh: MeshView) -> Hits:
    for expression in expressions(mesh):
        problem = problem_of(expression.text, boolean=expression.boolean)
        if problem is not None and problem.kind == "syntax":
            said = f"is {expression.text!r}, which Envoy cannot parse: {problem.message}"
            yield Hit(expression.obj, expression.path, said, "correct the expression")
