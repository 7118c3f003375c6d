"""An ALLOW rule that opens every workload of a namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP336",
    WARNING,
    "An ALLOW rule that opens every workload of a namespace",
    symptoms=("anybody in the cluster reaches the app",),
    why="""
Without a selector the rule applies to each workload of the namespace, and ALLOW policies are OR-ed: it opens those as
well that have stricter policies of their own. Select the workload it is meant for. Judged for namespaces with several
workloads.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger, namespace: shop}
spec:
  selector: {matchLabels: {app: ledger}}
  template: {metadata: {labels: {app: ledger}}, spec: {serviceAccountName: ledger}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
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
apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger, namespace: shop}
spec:
  selector: {matchLabels: {app: ledger}}
  template: {metadata: {labels: {app: ledger}}, spec: {serviceAccountName: ledger}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: shop}
spec: {}
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
    sources=("https://istio.io/latest/docs/concepts/security/#implicit-enablement",),
    needs=("workloads",),
)
def check(mesh: MeshView) -> Hits:
    for policy in mesh.authorization_policies:
        if policy.action != "ALLOW" or policy.selector or policy.targets or not policy.rules:
            continue
        kinds = {tuple(sorted(pod.labels.items())) for pod in mesh.workloads_by_namespace.get(policy.obj.namespace, ())}
        apps = {dict(labels).get("app", str(labels)) for labels in kinds}
        if len(apps) > 1:
            problem = f"is absent, so the rules open {len(apps)} workloads: {', '.join(sorted(apps)[:5])}"
            yield Hit(policy.obj, ("spec", "selector"), problem, "select the workload that is meant")
