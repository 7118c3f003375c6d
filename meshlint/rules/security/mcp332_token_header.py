"""Tokens taken from an unusual place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import elements, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP332",
    WARNING,
    "Tokens taken from an unusual place",
    symptoms=("every token is answered with 401",),
    why="""
OAuth clients, MCP's among them, send `Authorization: Bearer TOKEN`. Another header, or a prefix that is not the
scheme's name and a space, finds no token; where it finds one, proxies and logs do not know that it is a secret.

Another header is an info, a prefix that no client sends an error.
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
    fromHeaders: [{name: Authorization, prefix: "Bearer"}]
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
    sources=("https://www.rfc-editor.org/rfc/rfc6750#section-2.1",),
)
def check(mesh: MeshView) -> Hits:
    for authentication in mesh.request_authentications:
        for jwt in authentication.rules:
            headers = elements(jwt.raw, "fromHeaders")
            for position, header in enumerate(headers):
                where = (*jwt.path, "fromHeaders", position)
                name, prefix = text(header, "name"), text(header, "prefix")
                if name.lower() != "authorization":
                    problem = f"is {name}, where clients of OAuth and MCP put no token"
                    yield Hit(jwt.obj, (*where, "name"), problem, "use Authorization", INFO, WARNING)
                elif prefix.lower() != "bearer ":
                    problem = f"is {prefix!r}, and clients send 'Bearer ' and the token"
                    yield Hit(jwt.obj, (*where, "prefix"), problem, 'write "Bearer "', ERROR)
            prefixes = {text(header, "prefix") for header in headers}
            if headers and prefixes == {"bearer "}:
                yield Hit(
                    jwt.obj, (*jwt.path, "fromHeaders"), 'lacks "Bearer ", as most clients write it', "add it", ERROR
                )
