"""Two Telemetry objects for the same scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import string_map

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP611",
    WARNING,
    "Two Telemetry objects for the same scope",
    symptoms=("a setting has no effect", "access logs are empty"),
    why="""
Of the objects without selector in one namespace, and of those whose selectors pick the same pods, istiod takes the
oldest and ignores the rest.
""",
    bad="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: log, namespace: shop}
spec:
  accessLogging: [{providers: [{name: envoy}]}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing: [{providers: [{name: otel}], randomSamplingPercentage: 1}]
""",
    good="""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: default, namespace: shop}
spec:
  accessLogging: [{providers: [{name: envoy}]}]
  tracing: [{providers: [{name: otel}], randomSamplingPercentage: 1}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0159/",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    first: dict[tuple[str, tuple[tuple[str, str], ...]], Manifest] = {}
    for obj in mesh.istio("Telemetry"):
        if obj.spec.get("targetRef") or obj.spec.get("targetRefs"):
            continue
        scope = (obj.namespace, tuple(sorted(string_map(obj.spec, "selector", "matchLabels").items())))
        other = first.setdefault(scope, obj)
        if other is not obj:
            problem = f"has the same scope as {other.key}, and istiod takes the older one only"
            yield Hit(obj, ("spec",), problem, "put both into one Telemetry")
