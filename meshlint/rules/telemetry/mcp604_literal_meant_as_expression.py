"""A literal tag that looks like an expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP604",
    WARNING,
    "A literal tag that looks like an expression",
    symptoms=("a trace tag holds an expression's text",),
    why="""
`literal.value: response.code` puts the words "response.code" into every span. Use `formatter.value:
"%RESPONSE_CODE%"` (Istio 1.31), `header` or `environment` for what changes.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing:
  - providers: [{name: otel}]
    randomSamplingPercentage: 1
    customTags: {http_status: {literal: {value: response.code}}}
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing:
  - providers: [{name: otel}]
    randomSamplingPercentage: 1
    customTags: {http_status: {formatter: {value: "%RESPONSE_CODE%"}}}
""",
    sources=("https://istio.io/latest/docs/reference/config/telemetry/#Tracing-CustomTag",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("Telemetry"):
        for position, tracing in enumerate(elements(obj.spec, "tracing")):
            for name in mapping(tracing, "customTags"):
                literal = text(tracing, "customTags", name, "literal", "value")
                if EXPRESSION.match(literal):
                    where = ("spec", "tracing", position, "customTags", name, "literal", "value")
                    problem = f"is the text {literal!r} in every span"
                    yield Hit(obj, where, problem, 'use formatter: {value: "%RESPONSE_CODE%"} or header')


EXPRESSION = re.compile(
    r"(?:request|response|source|destination|connection|upstream|xds)\.\w|%[A-Z_]+(?:\(.*\))?%|\$\{"
)
