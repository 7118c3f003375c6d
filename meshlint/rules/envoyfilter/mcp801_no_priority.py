"""An EnvoyFilter whose place among others is left to chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import elements

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP801",
    INFO,
    "An EnvoyFilter whose place among others is left to chance",
    symptoms=("a filter works until another is added",),
    why="""
EnvoyFilters of one scope are applied by priority and then by creation time. Patches that insert before or after
something depend on that order; `priority` fixes it.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: shop}
spec:
  workloadSelector: {labels: {app: web}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 65536
""",
    good="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: shop}
spec:
  priority: 10
  workloadSelector: {labels: {app: web}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 65536
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0151/",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("EnvoyFilter"):
        if "priority" not in obj.spec and elements(obj.spec, "configPatches"):
            problem = "is not set, so the order among EnvoyFilters follows their age"
            yield Hit(obj, ("spec", "priority"), problem, "write a number; smaller comes first")
