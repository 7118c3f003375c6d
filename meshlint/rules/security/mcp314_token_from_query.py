"""A token accepted from the query string."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP314",
    ERROR,
    "A token accepted from the query string",
    symptoms=("tokens in access logs",),
    why="""
Without `fromHeaders`, Envoy looks in the Authorization header *and* in the query parameter `access_token`. A token in
a URL ends up in logs, histories and referrers; MCP forbids it. Name the header with both spellings of the scheme,
`Bearer ` and `bearer `, and nothing else.

An error where the objects show an MCP server; else an info, as it is Istio's own default.
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
    jwks: '{"keys": []}'
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
    fromHeaders: [{name: Authorization, prefix: "Bearer "}, {name: Authorization, prefix: "bearer "}]
    jwks: '{"keys": []}'
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
    sources=("https://www.rfc-editor.org/rfc/rfc6750#section-2.3",),
)
def check(mesh: MeshView) -> Hits:
    # What MCP forbids is Istio's own default.
    severity = None if mesh.mcp_hosts else INFO
    for authentication in mesh.request_authentications:
        for jwt in authentication.rules:
            if "fromParams" in jwt.raw:
                problem = "takes tokens from the URL, where logs and histories keep them"
                yield Hit(jwt.obj, (*jwt.path, "fromParams"), problem, "remove it", severity, ERROR)
            elif "fromHeaders" not in jwt.raw and "fromCookies" not in jwt.raw:
                problem = "is absent, so Envoy also takes ?access_token=... from the URL"
                mend = 'write fromHeaders: [{name: Authorization, prefix: "Bearer "}]'
                yield Hit(jwt.obj, (*jwt.path, "fromHeaders"), problem, mend, severity, ERROR)
