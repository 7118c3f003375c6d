"""Replicas set where autoscaling decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, Hit, rule
from meshlint.view.fields import Json, elements, mapping, text

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP718",
    INFO,
    "Replicas set where autoscaling decides",
    symptoms=("a setting has no effect", "every preview shows a change"),
    why="""
With autoscaling on, `replicaCount` is ignored, or fought over at each apply. Set the minimum and the maximum alone,
and in one place.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
""",
    good="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
""",
    sources=("https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",),
)
def check(mesh: MeshView) -> Hits:
    scaled = {
        (obj.namespace, text(obj.spec, "scaleTargetRef", "kind"), text(obj.spec, "scaleTargetRef", "name"))
        for obj in mesh.by_kind.get("HorizontalPodAutoscaler", ())
    }
    for workload in mesh.workloads:
        obj = workload.obj
        if workload.replicas is not None and (obj.namespace, obj.kind, obj.name) in scaled:
            problem = f"is {workload.replicas}, while a HorizontalPodAutoscaler decides"
            yield Hit(obj, ("spec", "replicas"), problem, "remove it")
    for operator in mesh.istio_operators:
        components: list[tuple[Path, Json]] = [
            (("spec", "components", "pilot"), mapping(operator.spec, "components", "pilot"))
        ]
        for block in ("ingressGateways", "egressGateways"):
            entries = elements(operator.spec, "components", block)
            components += [(("spec", "components", block, position), entry) for position, entry in enumerate(entries)]
        for path, component in components:
            if "replicaCount" in mapping(component, "k8s") and "hpaSpec" in mapping(component, "k8s"):
                problem = "stands beside hpaSpec, which decides"
                yield Hit(operator, (*path, "k8s", "replicaCount"), problem, "remove it")
