"""A policy on tokens where no RequestAuthentication validates them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import strings, text
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy


@rule(
    "MCP325",
    ERROR,
    "A policy on tokens where no RequestAuthentication validates them",
    symptoms=("ChatGPT says 403", "every token is answered with 403"),
    why="""
Claims and request principals exist only where a RequestAuthentication has validated the token on the same pods.
Without one, an ALLOW never matches and a DENY with `notRequestPrincipals` denies everybody.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {requestPrincipals: ["https://auth.example.com/*"]}}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  jwtRules:
  - issuer: https://auth.example.com
    audiences: ["https://shop.example.com/"]
    fromHeaders: [{name: Authorization, prefix: "Bearer "}]
    jwks: '{"keys": []}'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
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
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {requestPrincipals: ["https://auth.example.com/*"]}}]
""",
    sources=("https://istio.io/latest/docs/tasks/security/authorization/authz-jwt/",),
    needs=("RequestAuthentication",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        path = _reads_token(policy)
        if path is None or policy.targets:
            continue
        issuers = [
            text(jwt.raw, "issuer")
            for namespace in dict.fromkeys((policy.obj.namespace, mesh.root_namespace))
            for authentication in mesh.authentications_by_selector.related(namespace, policy.selector)
            if not policy.selector or selects(authentication.selector, policy.selector)
            for jwt in authentication.rules
        ]
        if not issuers:
            problem = "reads a token that no RequestAuthentication on these pods validates"
            yield Hit(policy.obj, path, problem, "add one with the same selector, or remove the condition")
            continue
        for rule_ in policy.rules:
            for source in rule_.sources:
                for position, principal in enumerate(strings(source.raw, "requestPrincipals")):
                    if not _possible(principal, issuers):
                        problem = f"is {principal!r}, and no issuer here makes such a principal (ISSUER/SUBJECT)"
                        mend = f"the issuers are {', '.join(issuers)}"
                        yield Hit(policy.obj, (*source.path, "requestPrincipals", position), problem, mend)


def _possible(principal: str, issuers: list[str]) -> bool:
    if principal.startswith("*"):
        return True
    head = principal.rstrip("*")
    return any(head.startswith(f"{issuer}/") or issuer.startswith(head) for issuer in issuers)


def _reads_token(policy: AuthorizationPolicy) -> Path | None:
    for rule_ in policy.rules:
        for source in rule_.sources:
            for field in ("requestPrincipals", "notRequestPrincipals"):
                if source.raw.get(field):
                    return (*source.path, field)
        for condition in rule_.conditions:
            if condition.reads_token:
                return condition.path
    return None
