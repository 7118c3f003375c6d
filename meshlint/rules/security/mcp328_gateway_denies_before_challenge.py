"""A gateway that answers 403 where a client needs a 401."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.directions import guards_gateway
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP328",
    ERROR,
    "A gateway that answers 403 where a client needs a 401",
    symptoms=("ChatGPT says 403", "ChatGPT never asks the user to log in"),
    why="""
Authorization runs before routing. An ALLOW on the gateway that demands a token, or a DENY for requests without one,
answers `403 RBAC: access denied` before the route with the challenge is reached, and a client without a token never
learns where to log in. On gateways use DENY only for what is present and wrong, and leave the missing token to the
401 route.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: mcp, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://mcp.example.com/mcp"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {paths: [/mcp], ports: ["8443"]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: mcp, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://mcp.example.com/mcp"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mcp, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {paths: [/mcp], ports: ["8443"]}}]
    when: [{key: "request.headers[authorization]", values: ["*"]}]
""",
    sources=("https://www.rfc-editor.org/rfc/rfc9728",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if not guards_gateway(mesh, policy) or "egress" in "".join(policy.selector.values()):
            continue
        for rule_ in policy.rules:
            path = next((path for path in mesh.environment.mcp_paths if rule_.takes_path(path)), "")
            if not path:
                continue
            named = bool(rule_.operations) and any(strings(operation.raw, "paths") for operation in rule_.operations)
            missing = any(strings(source.raw, "notRequestPrincipals") for source in rule_.sources)
            sees_token = any(condition.header == "authorization" and condition.values for condition in rule_.conditions)
            denies = policy.action == "DENY" and missing and not sees_token
            demands = policy.action == "ALLOW" and rule_.needs_token
            if (denies or demands) and (named or mesh.mcp_hosts):
                problem = f"answers 403 to a request for {path} without a token, before any route can answer 401"
                mend = "add when request.headers[authorization] values [*], and leave the missing token to a 401 route"
                yield Hit(policy.obj, rule_.path, problem, mend)
