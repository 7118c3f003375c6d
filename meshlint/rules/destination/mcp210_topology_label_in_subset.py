"""A subset by a label that pods do not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP210",
    ERROR,
    "A subset by a label that pods do not have",
    symptoms=("503 with flag UH", "a path answers 503"),
    why="""
Subsets select endpoints by the labels of their pods, and by the few that istiod adds: `topology.kubernetes.io/region`,
`topology.kubernetes.io/zone`, the node's name, cluster and network. A plain `region` is none of them, so the subset is
empty and its routes answer 503. For locality, prefer `localityLbSetting` with outlierDetection.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: east, labels: {region: us-east1}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    loadBalancer: {localityLbSetting: {enabled: true}}
    outlierDetection: {consecutive5xxErrors: 5}
""",
    sources=("https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for subset in rule_.subsets:
            for label in subset.labels:
                if label in NODE_LABELS:
                    service = mesh.service_by_fqdn.get(rule_.fqdn)
                    pods = mesh.backends(service) if service else []
                    if any(label in pod.labels for pod in pods):
                        continue
                    problem = f"selects by {label}, a label of nodes, so subset {subset.name!r} is empty"
                    mend = "use localityLbSetting and outlierDetection, or label the pods"
                    yield Hit(rule_.obj, (*subset.path, "labels", label), problem, mend)


NODE_LABELS = frozenset(
    {
        "region",
        "zone",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
    }
)
"""Istio adds `topology.kubernetes.io/region` and its like to endpoints by itself; not these."""
