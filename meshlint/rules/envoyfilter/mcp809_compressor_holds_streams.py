"""A compressor that holds event streams back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import elements, mapping, strings, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP809",
    ERROR,
    "A compressor that holds event streams back",
    symptoms=(
        "streams arrive late or all at once",
        "an MCP client waits for events",
    ),
    why="""
A compressor collects what it is given until a block is full, so an event of a few bytes waits for the next ones.
Envoy's own list of content types leaves `text/event-stream` out; a list that names it makes every MCP stream wait.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: compress, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.compressor
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor
          compressor_library:
            name: gzip
            typed_config: {"@type": type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip}
          response_direction_config:
            common_config: {content_type: [application/json, text/event-stream]}
""",
    good="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: compress, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.compressor
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor
          compressor_library:
            name: gzip
            typed_config: {"@type": type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip}
          response_direction_config:
            common_config: {content_type: [application/json]}
""",
    sources=("https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/compressor_filter",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("EnvoyFilter"):
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            config = mapping(patch, "patch", "value", "typed_config")
            if not text(config, "@type").endswith(".Compressor"):
                continue
            for keys in PLACES:
                for number, kind in enumerate(strings(config, *keys)):
                    if kind.lower() == "text/event-stream":
                        where = ("spec", "configPatches", position, "patch", "value", "typed_config", *keys, number)
                        yield Hit(obj, where, "is text/event-stream, whose events then wait", "leave it out")


PLACES = (("content_type",), ("response_direction_config", "common_config", "content_type"))
