"""A DENY by HTTP attributes without ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import strings
from meshlint.view.gateway_api.targets import references_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy


@rule(
    "MCP319",
    WARNING,
    "A DENY by HTTP attributes without ports",
    symptoms=("a TCP port refuses every connection",),
    why="""
On a TCP port there is no path, header or token, and istiod drops those conditions from a DENY rule: what is left
denies everything there. Name the HTTP ports in `to.operation.ports`.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: needs-token, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - to: [{operation: {paths: [/admin]}}]
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: needs-token, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - to: [{operation: {paths: [/admin], ports: ["8080"]}}]
""",
    sources=("https://istio.io/latest/docs/concepts/security/#using-istio-authorization-on-plain-tcp-protocols",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if policy.action != "DENY" or (policy.targets and not _passes_connections(mesh, policy)):
            continue
        for rule_ in policy.rules:
            named = rule_.operations and all(strings(operation.raw, "ports") for operation in rule_.operations)
            if rule_.reads_http and not named:
                problem = "reads HTTP attributes on every port, and denies all of a TCP port"
                yield Hit(policy.obj, rule_.path, problem, 'add to: [{operation: {ports: ["8080"]}}]')


def _passes_connections(mesh: MeshView, policy: AuthorizationPolicy) -> bool:
    """Whether a policy is aimed at a Gateway of which some listener reads no requests."""
    return any(
        not listener.reads_requests
        for target in references_of(policy.obj)
        if target.is_gateway
        for listener in mesh.listeners_by_owner.get(("Gateway", target.namespace, target.name), ())
        if listener.is_programmed
    )
