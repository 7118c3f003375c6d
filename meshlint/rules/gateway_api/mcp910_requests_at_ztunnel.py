"""A policy about requests that a ztunnel has to enforce."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.gateway_api.listeners import GATEWAY_NAME
from meshlint.view.ztunnel import reads_requests

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.security import AuthorizationPolicy


@rule(
    "MCP910",
    ERROR,
    "A policy about requests that a ztunnel has to enforce",
    symptoms=(
        "RBAC: access denied between services",
        "connections between services are reset",
        "a policy has no effect",
    ),
    why="""
A ztunnel reads connections, no requests. Of an ALLOW policy it drops every rule that asks for a path, method, host,
header or token, so that nothing is allowed by it; a DENY policy it enforces without these conditions, so that more is
denied than is written; CUSTOM and AUDIT it does not enforce at all. What is about requests belongs to a waypoint: a
policy with `targetRefs` for the Service.
""",
    bad="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reads, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - from: [{source: {serviceAccounts: [shop/web]}}]
    to: [{operation: {methods: [GET]}}]
""",
    good="""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reads, namespace: shop}
spec:
  targetRefs: [{kind: Service, group: "", name: web}]
  rules:
  - from: [{source: {serviceAccounts: [shop/web]}}]
    to: [{operation: {methods: [GET]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: through-waypoint, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules: [{from: [{source: {serviceAccounts: [shop/waypoint]}}]}]
""",
    sources=("https://istio.io/latest/docs/ambient/usage/l4-policy/",),
)
def check(mesh: MeshView) -> Hits:
    if not mesh.has_ambient:
        return
    for policy in mesh.authorization_policies:
        if policy.targets or GATEWAY_NAME in policy.selector or not _at_ztunnel(mesh, policy):
            continue
        if policy.action not in ("ALLOW", "DENY"):
            problem = f"is {policy.action}, which no ztunnel enforces, for pods in ambient mode"
            yield Hit(policy.obj, ("spec", "action"), problem, MEND)
            continue
        for rule_ in policy.rules:
            if reads_requests(rule_):
                becomes = "allows nothing" if policy.action == "ALLOW" else "denies without these conditions"
                problem = f"asks for what only requests have, of pods in ambient mode: their ztunnel {becomes}"
                yield Hit(policy.obj, rule_.path, problem, MEND)


MEND = "aim it at the Service by targetRefs, and give the Service a waypoint"


def _at_ztunnel(mesh: MeshView, policy: AuthorizationPolicy) -> bool:
    """Whether the policy is for pods in ambient mode: those that it selects, or its namespace as a whole."""
    namespace = policy.obj.namespace
    if namespace == mesh.root_namespace:
        return False
    pods = mesh.select(namespace, policy.selector)
    if pods:
        return any(mesh.is_ambient(namespace, pod.labels) for pod in pods)
    return not mesh.workloads_by_namespace.get(namespace) and mesh.is_ambient(namespace, policy.selector)
