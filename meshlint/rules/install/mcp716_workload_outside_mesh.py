"""A workload that policies name and that has no sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.kubernetes import Workload
    from meshlint.view.mesh import MeshView


@rule(
    "MCP716",
    WARNING,
    "A workload that policies name and that has no sidecar",
    symptoms=("pods have no sidecar", "a policy has no effect", "plaintext requests reach the app"),
    why="""
Policies are enforced by the sidecar: without one, the pod takes every request, and as a client it has no identity.
Injection is refused by `sidecar.istio.io/inject: "false"`, `hostNetwork`, or a namespace without the label.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, sidecar.istio.io/inject: "false"}}
    spec: {serviceAccountName: web}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: ALLOW
  rules:
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
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
  - from: [{source: {serviceAccounts: [istio-ingress/istio-ingressgateway]}}]
""",
    sources=("https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/",),
    needs=("workloads",),
)
def check(mesh: MeshView) -> Hits:
    for workload in mesh.workloads:
        policies = mesh.policies_by_selector.applying(workload.namespace, workload.labels)
        if all(policy.targets for policy in policies):
            continue
        reason = _outside(mesh, workload)
        if reason:
            problem = f"has no sidecar ({reason}), and policies are enforced by sidecars"
            yield Hit(workload.obj, (), problem, "let it be injected, or guard it by a NetworkPolicy")


def _outside(mesh: MeshView, workload: Workload) -> str:
    for holder in (workload.labels, workload.annotations):
        if holder.get("sidecar.istio.io/inject") == "false":
            return 'sidecar.istio.io/inject is "false"'
    if workload.pod_spec.get("hostNetwork") is True:
        return "hostNetwork is true"
    namespace = mesh.namespaces.get(workload.namespace)
    if namespace is None or workload.labels.get("sidecar.istio.io/inject") == "true":
        return ""
    labels = namespace.labels
    labelled = (
        labels.get("istio-injection") == "enabled" or "istio.io/rev" in labels or "istio.io/dataplane-mode" in labels
    )
    return "" if labelled else f"namespace {namespace.name} has no injection label"
