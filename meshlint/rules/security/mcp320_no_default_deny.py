"""A namespace without a default deny."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP320",
    WARNING,
    "A namespace without a default deny",
    symptoms=("anybody in the cluster reaches the app",),
    why="""
A workload that no ALLOW policy selects takes every request. A policy without rules and without selector (`spec: {}`)
denies by default for its namespace, or, in the root namespace, for the mesh; a new workload is then closed until
somebody opens it. Judged for namespaces that have policies or routes in the input.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/web]}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  template: {metadata: {labels: {app: api}}, spec: {serviceAccountName: api}}
""",
    good="""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: shop}
spec: {}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  template: {metadata: {labels: {app: api}}, spec: {serviceAccountName: api}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/api]}}]
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/#use-default-deny-patterns",),
    needs=("workloads", "AuthorizationPolicy"),
)
def check(mesh: MeshView) -> Hits:
    closed = {
        policy.obj.namespace
        for policy in mesh.authorization_policies
        if policy.action == "ALLOW" and not policy.selector and not policy.targets
    }
    if mesh.root_namespace in closed:
        return
    gateways = {gateway.obj.index for gateway in mesh.gateway_workloads}
    for workload in mesh.workloads:
        if workload.obj.index in gateways:
            # A gateway is there to take requests from outside; what may pass is for its routes to say.
            continue
        if workload.namespace not in mesh.policies_by_namespace or workload.namespace in closed or not workload.labels:
            continue
        applying = mesh.policies_by_selector.applying(workload.namespace, workload.labels)
        if not any(policy.action == "ALLOW" for policy in applying):
            problem = (
                f"is selected by no ALLOW policy, so it takes every request ({workload.namespace} has no default deny)"
            )
            mend = f"add an AuthorizationPolicy with spec {{}} to {workload.namespace}"
            yield Hit(workload.obj, (), problem, mend)
