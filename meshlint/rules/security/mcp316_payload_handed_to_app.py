"""The whole token payload is handed to the app in a header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP316",
    INFO,
    "The whole token payload is handed to the app in a header",
    symptoms=("personal data in logs",),
    why="""
`outputPayloadToHeader` copies every claim, e-mail addresses and groups included, into a header that logs, traces and
error pages then carry. `outputClaimToHeaders` hands over the one that is needed.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
    outputPayloadToHeader: x-jwt-payload
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web-needs-token, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {ports: ["8080"]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
    outputClaimToHeaders: [{header: x-user, claim: sub}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web-needs-token, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {ports: ["8080"]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/request_authentication/#JWTRule",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for authentication in mesh.request_authentications:
        for jwt in authentication.rules:
            header = text(jwt.raw, "outputPayloadToHeader")
            if header:
                problem = f"copies all claims into {header}"
                mend = "use outputClaimToHeaders for the claims that the app needs"
                yield Hit(jwt.obj, (*jwt.path, "outputPayloadToHeader"), problem, mend)
