"""An issuer whose access tokens are not JWTs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import strings, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP317",
    WARNING,
    "An issuer whose access tokens are not JWTs",
    symptoms=("every token is answered with 401",),
    why="""
Google's access tokens are opaque strings that no proxy can validate, and its ID tokens carry the OAuth client's id as
audience, never your server. An MCP server needs an authorization server of its own that issues JWTs for its resource;
Google can be the identity provider behind it.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://accounts.google.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
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
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
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
    sources=("https://developers.google.com/identity/protocols/oauth2/openid-connect",),
)
def check(mesh: MeshView) -> Hits:
    for authentication in mesh.request_authentications:
        for jwt in authentication.rules:
            issuer = text(jwt.raw, "issuer")
            own_audience = any("apps.googleusercontent.com" in audience for audience in strings(jwt.raw, "audiences"))
            if issuer.removeprefix("https://") == "accounts.google.com" and not own_audience:
                problem = f"is {issuer}, whose access tokens are opaque and whose ID tokens name the client as audience"
                mend = "name your own authorization server, with Google behind it"
                yield Hit(jwt.obj, (*jwt.path, "issuer"), problem, mend)
