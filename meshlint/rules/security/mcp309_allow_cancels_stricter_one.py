"""An ALLOW policy that another one makes void."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import strings
from meshlint.view.strings import authz_matches

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy, Operation, PolicyRule


@rule(
    "MCP309",
    ERROR,
    "An ALLOW policy that another one makes void",
    symptoms=("requests without a token get in", "a policy has no effect"),
    why="""
ALLOW policies of a workload are OR-ed: a request passes if *one* of them takes it. A policy that demands a token adds
a way in; it requires nothing of requests that another policy lets in already. To require something, put it into the
same rule, or write a DENY for its absence (`notRequestPrincipals: ["*"]`).
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: from-front, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/front]}}]
---
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
metadata: {name: require-token, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {requestPrincipals: ["*"]}}]
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
metadata: {name: from-gateway, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from:
    - source: {serviceAccounts: [istio-ingress/istio-ingressgateway], requestPrincipals: ["https://auth.example.com/*"]}
""",
    sources=("https://istio.io/latest/docs/concepts/security/#implicit-enablement",),
)
def check(mesh: MeshView) -> Hits:
    for policies in mesh.policies_by_namespace.values():
        groups: dict[tuple[tuple[str, str], ...], list[AuthorizationPolicy]] = defaultdict(list)
        for policy in policies:
            if policy.action == "ALLOW" and not policy.targets:
                groups[tuple(sorted(policy.selector.items()))].append(policy)
        for same in groups.values():
            yield from _group(same)


def _group(policies: list[AuthorizationPolicy]) -> Hits:
    """Policies of one selector: which demand a token where another does not?"""
    open_rules = [(policy, rule_) for policy in policies for rule_ in policy.rules if not _demands_token(rule_)]
    if not open_rules:
        return
    for policy in policies:
        for rule_ in policy.rules:
            if not _demands_token(rule_) or rule_.names_identity:
                continue
            other = next((found for found, open_rule in open_rules if _takes_what(open_rule, rule_)), None)
            if other is not None and other is not policy:
                problem = f"demands a token, but {other.obj.key} lets the same requests in without one (ALLOW is OR-ed)"
                mend = 'put the demand into that rule, or write a DENY with notRequestPrincipals: ["*"]'
                yield Hit(policy.obj, rule_.path, problem, mend)
                break


def _demands_token(rule_: PolicyRule) -> bool:
    return rule_.needs_token


def _takes_what(open_rule: PolicyRule, strict: PolicyRule) -> bool:
    """Whether some request that the strict rule is about passes by the open one."""
    if not open_rule.operations or not strict.operations:
        return True
    return any(_meet(left, right) for left in open_rule.operations for right in strict.operations)


def _meet(left: Operation, right: Operation) -> bool:
    methods = strings(left.raw, "methods"), strings(right.raw, "methods")
    if all(methods) and not set(methods[0]) & set(methods[1]):
        return False
    paths = strings(left.raw, "paths"), strings(right.raw, "paths")
    return not all(paths) or any(
        authz_matches(one, two.rstrip("*")) or authz_matches(two, one.rstrip("*"))
        for one in paths[0]
        for two in paths[1]
    )
