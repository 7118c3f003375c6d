"""Routing decided by a header that any client can write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, Unseen, rule
from meshlint.view.claim_headers import written_at
from meshlint.view.fields import mapping
from meshlint.view.token_claims import claim_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP113",
    WARNING,
    "Routing decided by a header that any client can write",
    symptoms=("anybody can choose the canary", "a split differs from its weights"),
    why="""
A request from outside carries whatever headers its sender likes. As a choice of version for testers that may be
wanted (then accept it); as a guard it is none. Decide by a verified claim (`@request.auth.claims.group`), by a
gateway that only insiders reach, or strip the header at the edge. A header that the gateway writes from a verified
claim (`outputClaimToHeaders`) is no client's.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{headers: {x-internal-user: {exact: "true"}}}]
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
    for route in mesh.http_routes:
        if not route.on_gateway or not route.destinations:
            continue
        for position, match in enumerate(route.matches):
            for name in mapping(match, "headers"):
                lowered = name.lower()
                if lowered in ("x-forwarded-for", "x-forwarded-proto") or not lowered.startswith("x-"):
                    continue
                written = written_at(mesh, route.gateways_of(match))
                if written is None and any(map(claim_of, mapping(match, "headers"))):
                    yield Unseen(route.obj, f"RequestAuthentication that may write {name}")
                elif lowered not in (written or ()):
                    problem = "decides where requests go, and any client can write that header"
                    mend = "decide by a verified claim or another gateway, or remove the header from outside requests"
                    yield Hit(route.obj, (*route.path, "match", position, "headers", name), problem, mend)
