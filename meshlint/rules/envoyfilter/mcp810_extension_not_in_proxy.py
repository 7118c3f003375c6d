"""An extension that Istio's proxy does not have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.schemas.proxyv2 import extensions
from meshlint.view.fields import elements, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP810",
    ERROR,
    "An extension that Istio's proxy does not have",
    symptoms=(
        "proxy keeps old config",
        "a listener disappears",
    ),
    why="""
Istio builds its own Envoy and registers fewer extensions than the upstream one. A configuration that names another is
refused by every proxy that gets it: the listener keeps its old state, and a new pod has none.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: geo, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.geoip
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.geoip.v3.Geoip
          xff_config: {xff_num_trusted_hops: 1}
""",
    good="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: 65536
""",
    sources=("https://github.com/istio/proxy/blob/master/bazel/extension_config/extensions_build_config.bzl",),
)
def check(mesh: MeshView) -> Hits:
    known = extensions()
    for obj in mesh.istio("EnvoyFilter"):
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            kind = text(patch, "patch", "value", "typed_config", "@type")
            named = FILTER.match(kind)
            if named and f"envoy.filters.{named[1]}" not in known and text(patch, "patch", "operation") != "REMOVE":
                where = ("spec", "configPatches", position, "patch", "value", "typed_config", "@type")
                problem = f"is of envoy.filters.{named[1]}, which Istio's proxy does not have"
                yield Hit(obj, where, problem, "do it by another filter, or in the app")


FILTER = re.compile(r"type\.googleapis\.com/envoy\.extensions\.filters\.((?:http|network|listener)\.\w+)\.v3\.")
