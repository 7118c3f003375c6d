"""A token that is not bound to this server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.finding import dotted
from meshlint.rule import ERROR, WARNING, Hit, Unseen, rule
from meshlint.view.fields import strings
from meshlint.view.routing import match_takes_path
from meshlint.view.sight import routes_in_sight
from meshlint.view.strings import methods_of
from meshlint.view.token_claims import AUDIENCE_CLAIMS, binds_token, takes_no_token
from meshlint.view.token_hosts import is_open_beside_others

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute
    from meshlint.view.security import RequestAuthentication


@rule(
    "MCP313",
    ERROR,
    "A token that is not bound to this server",
    symptoms=("a token made for another service is accepted",),
    why="""
Without `audiences`, every token of the issuer is good here, whoever it was made for. MCP binds a token to the
resource's URI, scheme included (`https://host/mcp`); a bare host name is what no MCP authorization server writes.
Envoy compares loosely all the same: it strips the scheme and a trailing slash, so also match
`@request.auth.claims.aud` exactly. Where an issuer writes no audience, the client that a token was issued to
(`client_id`, `azp`, `cid`, `appid`) binds it, compared exactly by the route.

An error where the objects show an MCP server, else a warning.
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
    unbound = _unbound_route(mesh)
    for authentication in mesh.request_authentications:
        for jwt in authentication.rules:
            where = (*jwt.path, "audiences")
            audiences = strings(jwt.raw, "audiences")
            if not audiences and unbound == "" and not _comparing_in_sight(mesh, authentication):
                yield Unseen(authentication.obj, "VirtualService or AuthorizationPolicy that may compare the audience")
            elif not audiences and unbound is not None:
                also = f", and {unbound} does not compare it" if unbound else ""
                problem = f"is absent{also}: a token made for any other service of the issuer is accepted"
                mend = 'write the resource, as in ["https://mcp.example.com/mcp"]'
                yield Hit(jwt.obj, where, problem, mend, None if mesh.mcp_hosts else WARNING, ERROR)
            for position, audience in enumerate(audiences):
                if "://" not in audience and "." in audience:
                    problem = f"is {audience!r}, a name without a scheme, which no MCP token carries"
                    mend = f"write the resource's URI, such as https://{audience}/mcp"
                    yield Hit(jwt.obj, (*where, position), problem, mend, WARNING)


def _comparing_in_sight(mesh: MeshView, authentication: RequestAuthentication) -> bool:
    """Whether what may compare the audience would be among the objects: routes at a gateway, policies elsewhere."""
    if not mesh.shows("VirtualService", "AuthorizationPolicy"):
        return False
    return routes_in_sight(mesh, authentication.obj.namespace, authentication.selector)


def _unbound_route(mesh: MeshView) -> str | None:
    """A route that forwards tokens to an MCP server without comparing the audience.

    None if every such route compares it exactly; empty if there is no such route, so that nothing does.
    """
    compared = any(
        condition.key in BINDING_CONDITIONS and condition.not_values
        for policy in mesh.authorization_policies
        if policy.action == "DENY"
        for rule_ in policy.rules
        for condition in rule_.conditions
    )
    for route in mesh.http_routes:
        path = mesh.mcp_path_of(route) if route.on_gateway else ""
        if not path or is_open_beside_others(mesh, route.owner):
            continue
        for match in route.matches or [{}]:
            if not match_takes_path(match, path) or methods_of(match) <= {"OPTIONS"} or takes_no_token(match):
                continue
            if not binds_token(match):
                return f"{dotted(route.path)} of {route.obj.key}"
            compared = True
    return None if compared or any(_compares(route) for route in mesh.http_routes) else ""


def _compares(route: HttpRoute) -> bool:
    return any(binds_token(match) for match in route.matches)


BINDING_CONDITIONS = frozenset(f"request.auth.claims[{claim}]" for claim in AUDIENCE_CLAIMS)
