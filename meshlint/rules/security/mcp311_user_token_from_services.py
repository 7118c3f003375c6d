"""Callers inside the mesh are asked for a user's token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.directions import is_gateway_identity
from meshlint.view.fields import Json, strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP311",
    WARNING,
    "Callers inside the mesh are asked for a user's token",
    symptoms=("RBAC: access denied between services",),
    why="""
The rule names service accounts and demands a claim as well. A service that calls on its own behalf has an mTLS
identity and no token; it is denied unless it forwards a user's. Say it on purpose for calls on behalf of users, and
leave it out for the others.
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
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/front]}}]
    when: [{key: "request.auth.claims[role]", values: [service]}]
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
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/front]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web-needs-token, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/front], notRequestPrincipals: ["*"]}}]
    to: [{operation: {ports: ["8080"]}}]
""",
    sources=("https://istio.io/latest/docs/concepts/security/#authorization-policies",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if policy.action != "ALLOW":
            continue
        for rule_ in policy.rules:
            if not rule_.sources or not all(_inside(mesh, source.raw) for source in rule_.sources):
                continue
            claim = next((found for found in rule_.conditions if found.reads_token and found.values), None)
            if claim is not None:
                problem = f"demands {claim.key} of service accounts, which have no user token of their own"
                mend = "remove the condition, or keep it for callers that forward a user's token"
                yield Hit(policy.obj, claim.path, problem, mend)


def _inside(mesh: MeshView, source: Json) -> bool:
    names = [*strings(source, "principals"), *strings(source, "serviceAccounts")]
    return bool(names) and not any("*" in name or is_gateway_identity(mesh, name) for name in names)
