"""A subset that selects no pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP211",
    ERROR,
    "A subset that selects no pod",
    symptoms=("503 with flag UH", "canary gets no traffic", "a path answers 503"),
    why="""
No workload behind the Service carries all of the subset's labels, so its cluster has no endpoints and routes to it
answer 503.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web, version: v1}}, spec: {serviceAccountName: web}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web, subset: v2}}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web, version: v1}}, spec: {serviceAccountName: web}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web, subset: v1}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset",),
    needs=("Service", "workloads"),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        service = mesh.service_by_fqdn.get(rule_.fqdn)
        pods = mesh.backends(service) if service else []
        for subset in rule_.subsets if pods else ():
            of_pods = {name: wanted for name, wanted in subset.labels.items() if name not in ADDED_BY_ISTIOD}
            if of_pods and not any(selects(of_pods, pod.labels) for pod in pods):
                shown = ", ".join(f"{name}={wanted}" for name, wanted in of_pods.items())
                problem = f"selects {shown}, which none of the {len(pods)} workloads behind {rule_.fqdn} has"
                yield Hit(rule_.obj, (*subset.path, "labels"), problem, "correct the labels, or deploy the version")


ADDED_BY_ISTIOD = frozenset(
    {
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "topology.istio.io/subzone",
        "topology.istio.io/cluster",
        "topology.istio.io/network",
        "kubernetes.io/hostname",
    }
)
"""Labels of endpoints that come from the node or the cluster (`AugmentLabels` in Istio's pilot)."""
