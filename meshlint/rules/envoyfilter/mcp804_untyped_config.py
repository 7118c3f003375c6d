"""A filter without a type, or with one that Envoy has removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import Json, elements, mapping, text

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP804",
    ERROR,
    "A filter without a type, or with one that Envoy has removed",
    symptoms=("proxy keeps old config",),
    why="""
Envoy takes filters with `typed_config` and its `@type` in API version 3 only. `config`, names such as `envoy.router`,
and types of version 2 make it refuse the listener.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: shop}
spec:
  priority: 10
  workloadSelector: {labels: {app: web}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch: {operation: INSERT_FIRST, value: {name: envoy.filters.http.buffer, typed_config: {max_request_bytes: 65536}}}
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
    sources=("https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/extension",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("EnvoyFilter"):
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            where = ("spec", "configPatches", position, "patch", "value")
            content = mapping(patch, "patch", "value")
            if text(patch, "applyTo") in ("HTTP_FILTER", "NETWORK_FILTER", "LISTENER_FILTER"):
                yield from _filter(obj, where, content)


def _filter(obj: Manifest, where: Path, content: Json) -> Hits:
    if "config" in content and "typed_config" not in content:
        yield Hit(obj, (*where, "config"), "is config, which Envoy has removed", 'write typed_config with its "@type"')
    config = content.get("typed_config")
    if isinstance(config, dict):
        kind = text(config, "@type")
        if not kind:
            yield Hit(obj, (*where, "typed_config"), 'has no "@type", so Envoy refuses it', 'add "@type"')
        elif "/envoy.config.filter." in kind or "/envoy.api.v2" in kind or ".v2." in kind or ".v2alpha" in kind:
            problem = f"is {kind.rpartition('/')[2]}, of Envoy's removed API version 2"
            yield Hit(obj, (*where, "typed_config", "@type"), problem, "write the type of version 3")
