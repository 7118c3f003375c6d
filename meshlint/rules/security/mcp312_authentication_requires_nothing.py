"""A RequestAuthentication that requires nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, Unseen, rule
from meshlint.view.directions import is_gateway_identity
from meshlint.view.fields import strings
from meshlint.view.gateway_api.targets import references_of
from meshlint.view.sight import routes_in_sight

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy, PolicyRule, RequestAuthentication


@rule(
    "MCP312",
    ERROR,
    "A RequestAuthentication that requires nothing",
    symptoms=("requests without a token get in",),
    why="""
RequestAuthentication rejects *bad* tokens. A request without one passes, as if there were no rule. What requires a
token is an AuthorizationPolicy (DENY with `notRequestPrincipals: ["*"]`, or an ALLOW whose every rule names
requestPrincipals or a claim), or claim routing at a gateway.
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
metadata: {name: allow-nothing, namespace: shop}
spec: {}
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
    sources=("https://istio.io/latest/docs/reference/config/security/request_authentication/",),
    needs=("AuthorizationPolicy",),
)
def check(mesh: MeshView) -> Hits:
    for authentication in mesh.request_authentications:
        if not authentication.rules or mesh.routes_by_claim:
            continue
        policies = _of_the_same_pods(mesh, authentication)
        if any(_denies_absence(policy) for policy in policies) or _every_way_in_asks(mesh, policies):
            continue
        if not routes_in_sight(mesh, authentication.obj.namespace, authentication.selector):
            yield Unseen(authentication.obj, "VirtualService that may ask for a claim")
            continue
        problem = "validates tokens, and no policy asks for one: requests without a token pass"
        mend = 'add an AuthorizationPolicy DENY with from notRequestPrincipals: ["*"] for the same pods'
        yield Hit(authentication.obj, ("spec", "jwtRules"), problem, mend)


def _of_the_same_pods(mesh: MeshView, authentication: RequestAuthentication) -> list[AuthorizationPolicy]:
    if authentication.targets:
        aimed = set(references_of(authentication.obj))
        return [policy for policy in mesh.authorization_policies if aimed & set(references_of(policy.obj))]
    return [
        policy
        for namespace in dict.fromkeys((authentication.obj.namespace, mesh.root_namespace))
        for policy in mesh.policies_by_selector.related(namespace, authentication.selector)
    ]


def _denies_absence(policy: AuthorizationPolicy) -> bool:
    """Whether a DENY or CUSTOM policy takes care of requests without a token."""
    if policy.action == "CUSTOM":
        return True
    return policy.action == "DENY" and any(
        any(strings(source.raw, "notRequestPrincipals") for source in rule_.sources)
        or any(condition.reads_token and condition.not_values for condition in rule_.conditions)
        for rule_ in policy.rules
    )


def _every_way_in_asks(mesh: MeshView, policies: list[AuthorizationPolicy]) -> bool:
    """ALLOW policies are OR-ed: a token is required if no rule for outside callers goes without one."""
    rules = [rule_ for policy in policies if policy.action == "ALLOW" for rule_ in policy.rules]
    outside = [rule_ for rule_ in rules if not _is_internal(mesh, rule_)]
    return any(rule_.needs_token for rule_ in rules) and all(rule_.needs_token for rule_ in outside)


def _is_internal(mesh: MeshView, rule_: PolicyRule) -> bool:
    """Whether the rule is for named workloads, none of them a gateway that passes on other people's requests."""
    names = [
        name
        for source in rule_.sources
        for field in ("principals", "serviceAccounts")
        for name in strings(source.raw, field)
    ]
    return (
        bool(names)
        and rule_.names_identity
        and not any("*" in name or is_gateway_identity(mesh, name) for name in names)
    )
