"""A policy for a port that its workloads do not listen on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.directions import guards_gateway
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP335",
    ERROR,
    "A policy for a port that its workloads do not listen on",
    symptoms=("RBAC: access denied between services", "a policy has no effect"),
    why="""
`ports` of a policy are container ports, not the Service's. Judged where the selected workloads declare the ports of
their containers.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {serviceAccountName: web, containers: [{name: app, image: "web:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/web]}}]
    to: [{operation: {ports: ["80"]}}]
""",
    good="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {serviceAccountName: web, containers: [{name: app, image: "web:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/web]}}]
    to: [{operation: {ports: ["8080"]}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation",),
    needs=("workloads",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if not policy.selector or guards_gateway(mesh, policy):
            continue
        listening: set[int] = set()
        for workload in mesh.select(policy.obj.namespace, policy.selector):
            listening |= workload.container_ports
        if not listening:
            continue
        for rule_ in policy.rules:
            for operation in rule_.operations:
                named = [int(port) for port in strings(operation.raw, "ports") if port.isdecimal() and len(port) < 6]
                if named and not set(named) & listening:
                    shown = ", ".join(map(str, sorted(listening)))
                    problem = f"is {', '.join(map(str, named))}, but the selected pods listen on {shown}"
                    yield Hit(policy.obj, (*operation.path, "ports"), problem, "write the container's port")
