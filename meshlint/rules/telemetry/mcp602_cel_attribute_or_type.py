"""A CEL expression on attributes that do not exist, or of the wrong type."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.envoy_cel import ATTRIBUTES, problem_of
from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.expressions import expressions

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP602",
    WARNING,
    "A CEL expression on attributes that do not exist, or of the wrong type",
    symptoms=("access logs are empty", "a metric tag is always unknown"),
    why="""
Envoy evaluates it for every request, fails, and treats a failed condition as false and a failed tag as `unknown`: the
log stays empty, and nothing says why. `response.duration` does not exist (`request.duration` does), and a duration is
compared with `duration('1s')`, not with 1000.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: log, namespace: shop}
spec:
  accessLogging:
  - providers: [{name: envoy}]
    filter: {expression: "response.code >= 400 || response.duration >= 1000"}
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: log, namespace: shop}
spec:
  accessLogging:
  - providers: [{name: envoy}]
    filter: {expression: "response.code >= 400 || request.duration >= duration('1s')"}
""",
    sources=("https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for expression in expressions(mesh):
        problem = problem_of(expression.text, boolean=expression.boolean)
        if problem is None or problem.kind != "type":
            continue
        said = f"is {expression.text!r}: {problem.message}"
        unknown = problem.message.rpartition(" ")[2]
        similar = get_close_matches(unknown, ATTRIBUTES, n=1) if "no attribute" in problem.message else []
        if unknown == "response.duration":
            similar = ["request.duration"]
        mend = f"did you mean {similar[0]}?" if similar else "see Envoy's list of attributes and their types"
        yield Hit(expression.obj, expression.path, said, mend)
