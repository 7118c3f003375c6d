"""Routing by a claim that no RequestAuthentication puts there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, Unseen, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Gateway


@rule(
    "MCP131",
    ERROR,
    "Routing by a claim that no RequestAuthentication puts there",
    symptoms=("every request is challenged although the token is valid", "canary gets no traffic"),
    why="""
`@request.auth.claims` exist only where a RequestAuthentication on the gateway itself has validated the token. One
that selects the workload behind it comes too late.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{headers: {"@request.auth.claims.group": {exact: staff}}}]
    route: [{destination: {host: web-next}}]
  - route: [{destination: {host: web}}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
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
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{headers: {"@request.auth.claims.group": {exact: staff}}}]
    route: [{destination: {host: web-next}}]
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0144/",),
    needs=("Gateway",),
)
def check(mesh: MeshView) -> Hits:
    if not mesh.routes_by_claim:
        return
    for service in mesh.virtual_services:
        gateways = [mesh.gateway_by_key[name] for name in service.gateways if name in mesh.gateway_by_key]
        if not gateways or any(_validates(mesh, gateway) for gateway in gateways):
            continue
        if not _authentication_in_sight(mesh, gateways):
            yield Unseen(service.obj, "RequestAuthentication, or pod of the gateway,")
            continue
        for route in service.http:
            for position, match in enumerate(route.matches):
                for name in mapping(match, "headers"):
                    if name.startswith("@request.auth."):
                        path = (*route.path, "match", position, "headers", name)
                        problem = "reads a claim, and no RequestAuthentication selects the gateway's pods"
                        mend = f"add one with selector {gateways[0].selector} in the gateway's namespace"
                        yield Hit(service.obj, path, problem, mend)


def _authentication_in_sight(mesh: MeshView, gateways: list[Gateway]) -> bool:
    return mesh.shows("RequestAuthentication") or any(
        gateway.selector and mesh.select(None, gateway.selector) for gateway in gateways
    )


def _validates(mesh: MeshView, gateway: Gateway) -> bool:
    """Whether a RequestAuthentication selects the gateway's pods, which may live in another namespace than it."""
    return any(
        authentication.rules and (authentication.selector or namespace in (gateway.obj.namespace, mesh.root_namespace))
        for namespace in mesh.authentication_namespaces
        for authentication in mesh.authentications_by_selector.applying(namespace, gateway.selector)
    )
