"""A policy on callers that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import authentication, authorization_policy
from meshlint.validation.refusal import refused

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP010",
    ERROR,
    "A policy on callers that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
Of AuthorizationPolicy, RequestAuthentication and PeerAuthentication. The schema allows it, Istio's validating webhook
or the rules of the CRD do not: a port that is no number, a condition on an attribute that does not exist, DENY without
rules, CUSTOM without a provider, a selector beside targetRefs, a wildcard in a selector.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/front]}}]
    to: [{operation: {ports: ["http"]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/front]}}]
    to: [{operation: {ports: ["8080"]}}]
""",
    sources=(
        "https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go",
        "https://istio.io/latest/docs/reference/config/security/authorization-policy/",
    ),
)
def check(mesh: MeshView) -> Hits:
    yield from refused(mesh, "AuthorizationPolicy", authorization_policy.validate)
    yield from refused(mesh, "RequestAuthentication", authentication.validate_request)
    yield from refused(mesh, "PeerAuthentication", authentication.validate_peer)
