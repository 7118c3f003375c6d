"""A claim header that a client can forge with underscores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, Unseen, rule
from meshlint.view.directions import selects_gateway
from meshlint.view.fields import Json, elements, mapping, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP329",
    WARNING,
    "A claim header that a client can forge with underscores",
    symptoms=("a service reads a forged header",),
    why="""
The gateway overwrites `x-mcp-sub` with the token's subject, but `x_mcp_sub: admin` passes beside it, and servers that
fold both into one name (CGI, WSGI) may read the client's. `headers_with_underscores_action: REJECT_REQUEST` on the
HTTP connection manager, by an EnvoyFilter, closes it. Judged for RequestAuthentications on gateways.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: staff, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
    outputClaimToHeaders: [{header: x-user, claim: sub}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: needs-token, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {paths: ["/account/*"], ports: ["8443"]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: staff, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
    outputClaimToHeaders: [{header: x-user, claim: sub}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: needs-token, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {paths: ["/account/*"], ports: ["8443"]}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: no-underscores, namespace: istio-ingress}
spec:
  priority: 10
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: NETWORK_FILTER
    match: {context: GATEWAY, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}
    patch:
      operation: MERGE
      value:
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}
""",
    sources=("https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge",),
)
def check(mesh: MeshView) -> Hits:
    if any(_rejects(patch) for obj in mesh.istio("EnvoyFilter") for patch in elements(obj.spec, "configPatches")):
        return
    for authentication in mesh.request_authentications:
        if not selects_gateway(mesh, authentication.obj.namespace, authentication.selector):
            continue
        home = authentication.obj.namespace
        for jwt in authentication.rules:
            for position, claim in enumerate(elements(jwt.raw, "outputClaimToHeaders")):
                header = text(claim, "header")
                if "-" in header and not mesh.shows_namespace(home, but=("RequestAuthentication",)):
                    yield Unseen(authentication.obj, f"object of namespace {home} that may refuse such headers")
                elif "-" in header:
                    where = (*jwt.path, "outputClaimToHeaders", position, "header")
                    problem = f"is {header}, and {header.replace('-', '_')} of a client passes beside it"
                    mend = "set headers_with_underscores_action: REJECT_REQUEST at the gateway by an EnvoyFilter"
                    yield Hit(authentication.obj, where, problem, mend)


def _rejects(patch: Json) -> bool:
    options = mapping(patch, "patch", "value", "typed_config", "common_http_protocol_options")
    return text(options, "headers_with_underscores_action") in ("REJECT_REQUEST", "DROP_HEADER")
