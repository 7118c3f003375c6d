"""Workloads that share the namespace's default identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP717",
    WARNING,
    "Workloads that share the namespace's default identity",
    symptoms=("anybody in the cluster reaches the app",),
    why="""
A pod's identity is its service account. Pods that name none share `default`, so a policy cannot tell them apart:
allowing one allows all of them.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/default]}}]
""",
    good="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [shop/web]}}]
""",
    sources=("https://istio.io/latest/docs/concepts/security/#istio-identity",),
    needs=("AuthorizationPolicy",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if policy.action != "ALLOW":
            continue
        for rule_ in policy.rules:
            for source in rule_.sources:
                for field in ("principals", "serviceAccounts"):
                    for position, written in enumerate(strings(source.raw, field)):
                        if written == "default" or written.endswith(("/sa/default", "/default")):
                            where = (*source.path, field, position)
                            problem = f"is {written}, the identity of every pod there that names none"
                            yield Hit(policy.obj, where, problem, "give the caller a service account of its own")
