"""Routing by a claim in a VirtualService of the mesh gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP115",
    ERROR,
    "Routing by a claim in a VirtualService of the mesh gateway",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
Claims are known only where a gateway has validated the token, so the webhook refuses `@request.auth.claims` in a
VirtualService whose gateways contain `mesh` (or that names none: `mesh` is the default). The host needs two objects:
one for gateways, one for the mesh.
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
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public, mesh]
  http:
  - match: [{headers: {"@request.auth.claims.group": {exact: staff}}}]
    route: [{destination: {host: web-next}}]
  - route: [{destination: {host: web}}]
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
    sources=("https://istio.io/latest/docs/tasks/security/authentication/jwt-route/",),
)
def check(mesh: MeshView) -> Hits:
    for service in mesh.virtual_services:
        if not service.in_mesh:
            continue
        for route in service.http:
            for position, match in enumerate(route.matches):
                for block in ("headers", "withoutHeaders"):
                    for name in mapping(match, block):
                        if name.startswith("@request.auth.claims"):
                            path = (*route.path, "match", position, block, name)
                            problem = "routes by a claim, which the webhook refuses while spec.gateways contains mesh"
                            yield Hit(route.obj, path, problem, "give the gateways a VirtualService of their own")
