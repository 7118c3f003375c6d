"""A merge into a map that replaces the entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP803",
    ERROR,
    "A merge into a map that replaces the entry",
    symptoms=("proxy keeps old config", "every token is answered with 401"),
    why="""
Merging protobuf maps replaces the entry under a key as a whole: a patch that adds `require_expiration` to a provider
of `jwt_authn` drops its keys and its issuer. The API server and the webhook say yes, Envoy refuses the listener.
""",
    bad="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: expiry, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: MERGE
      value:
        name: envoy.filters.http.jwt_authn
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
          providers: {origins-0: {require_expiration: true}}
""",
    good="""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: expiry, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: MERGE
      value:
        name: envoy.filters.http.jwt_authn
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
          bypass_cors_preflight: true
""",
    sources=("https://protobuf.dev/programming-guides/proto3/#maps",),
)
def check(mesh: MeshView) -> Hits:
    for obj in mesh.istio("EnvoyFilter"):
        for position, patch in enumerate(elements(obj.spec, "configPatches")):
            if text(patch, "patch", "operation") != "MERGE":
                continue
            config = mapping(patch, "patch", "value", "typed_config")
            kind = text(config, "@type").rpartition(".")[2]
            for field in MAPS.get(kind, ()):
                if mapping(config, field):
                    where = ("spec", "configPatches", position, "patch", "value", "typed_config", field)
                    problem = f"merges into {kind}.{field}, a map: its entries are replaced, not completed"
                    yield Hit(obj, where, problem, "write the entry in full, or set it where istiod makes it")


MAPS = {
    "JwtAuthentication": ("providers", "requirement_map"),
    "RBAC": ("policies",),
    "Router": (),
    "HttpConnectionManager": ("typed_extension_protocol_options",),
    "Cluster": ("typed_extension_protocol_options",),
    "StatefulSession": (),
    "UpstreamTlsContext": (),
}
