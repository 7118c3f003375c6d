"""A token that is not bound to this server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.rule import ERROR, WARNING, Hit, rule
from checks.view.fields import mapping, strings

if TYPE_CHECKING:
    from checks.rule import Hits
    from checks.view.mesh import MeshView


@rule(
    "MCP313",
    ERROR,
    "A token that is not bound to this server",
    symptoms=("a token made for another service is accepted",),
    why="""
Without `audiences`, every token of the issuer is good here, whoever it was made for. MCP binds a token to the
resource's URI, scheme included (`https://host/mcp`); a bare host name is what no MCP authorization server writes.
Envoy compares loosely all the same: it strips the scheme and a trailing slash, so also match
`@request.auth.claims.aud` exactly.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://auth.example.com
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
    sources=("https://www.rfc-editor.org/rfc/rfc8707", "https://modelcontextprotocol.io/specification/"),
)
def check(mesh: MeshView) -> Hits:
    by_claim = exact_audiences(mesh)
    for authentication in mesh.request_authentications:
        for jwt in authentication.rules:
            where = (*jwt.path, "audiences")
            audiences = strings(jwt.raw, "audiences")
            if not audiences and not by_claim:
                problem = "is absent, so a token made for any other service of the issuer is accepted"
                yield Hit(jwt.obj, where, problem, 'write the resource, as in ["https://mcp.example.com/mcp"]')
            for position, audience in enumerate(audiences):
                if "://" not in audience and "." in audience:
                    problem = f"is {audience!r}, a name without a scheme, which no MCP token carries"
                    mend = f"write the resource's URI, such as https://{audience}/mcp"
                    yield Hit(jwt.obj, (*where, position), problem, mend, WARNING)


def exact_audiences(mesh: MeshView) -> bool:
    """Whether routes compare the audience themselves."""
    return any(
        "@request.auth.claims.aud" in mapping(match, "headers") for route in mesh.http_routes for match in route.matches
    )
