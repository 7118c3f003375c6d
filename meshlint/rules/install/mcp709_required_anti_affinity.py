"""Required anti-affinity by node, with many replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import Json, elements, mapping, text, value, whole

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP709",
    WARNING,
    "Required anti-affinity by node, with many replicas",
    symptoms=("pods stay Pending",),
    why="""
`requiredDuringScheduling` with `kubernetes.io/hostname` needs a node for each replica: scaling to 20 waits for 20
nodes. `topologySpreadConstraints` over zones with `ScheduleAnyway` spread without blocking.
""",
    bad="""
# values of the istiod chart
autoscaleMax: 20
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
    - labelSelector: {matchLabels: {app: istiod}}
      topologyKey: kubernetes.io/hostname
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    good="""
# values of the istiod chart
autoscaleMax: 20
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector: {matchLabels: {app: istiod}}
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",),
)
def check(mesh: MeshView) -> Hits:
    for chart in mesh.charts:
        most = whole(chart.values, "autoscaling", "maxReplicas") or whole(chart.values, "autoscaleMax")
        yield from _look(chart.obj, (*chart.path, "affinity"), chart.values.get("affinity"), most)
    for operator in mesh.istio_operators:
        pilot: list[tuple[Path, Json]] = [
            (("spec", "components", "pilot"), mapping(operator.spec, "components", "pilot"))
        ]
        for block in ("ingressGateways", "egressGateways"):
            entries = elements(operator.spec, "components", block)
            pilot += [(("spec", "components", block, position), entry) for position, entry in enumerate(entries)]
        for path, component in pilot:
            most = whole(component, "k8s", "hpaSpec", "maxReplicas")
            yield from _look(operator, (*path, "k8s", "affinity"), value(component, "k8s", "affinity"), most)


def _look(obj: Manifest, path: Path, affinity: object, most: int | None) -> Hits:
    field = "requiredDuringSchedulingIgnoredDuringExecution"
    for term in elements(affinity, "podAntiAffinity", field):
        if text(term, "topologyKey") == "kubernetes.io/hostname" and (most is None or most > MANY):
            replicas = f"up to {most} replicas" if most else "every replica"
            problem = f"needs a node of its own for {replicas}"
            yield Hit(
                obj, (*path, "podAntiAffinity", field), problem, "use topologySpreadConstraints with ScheduleAnyway"
            )


MANY = 5
