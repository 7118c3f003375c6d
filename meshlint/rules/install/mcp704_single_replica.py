"""One replica of something that must not stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import whole

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP704",
    WARNING,
    "One replica of something that must not stop",
    symptoms=("node upgrades hang", "an outage during a node upgrade"),
    why="""
With one replica there is either an outage at each node upgrade, or a PodDisruptionBudget that blocks it. The charts
render a budget only above one: `autoscaleMin: 2` for istiod, `autoscaling.minReplicas: 2` for gateways.
""",
    bad="""
# values of the istiod chart
autoscaleMin: 1
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
autoscaleMin: 2
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://github.com/istio/istio/issues/42439",),
)
def check(mesh: MeshView) -> Hits:
    if not mesh.environment.production:
        return
    for chart in mesh.charts:
        for keys in MINIMUM.get(chart.name, ()):
            least = whole(chart.values, *keys)
            if least is not None and least < 2:
                problem = f"is {least}, so a node upgrade stops the {chart.name} or hangs"
                yield Hit(chart.obj, (*chart.path, *keys), problem, "write 2 or more")
        scaled = chart.get("autoscaling", "enabled") is not False and chart.get("autoscaleEnabled") is not False
        count = whole(chart.values, "replicaCount")
        if chart.name in MINIMUM and not scaled and (count is None or count < 2):
            shown = "absent" if count is None else count
            yield Hit(chart.obj, (*chart.path, "replicaCount"), f"is {shown} without autoscaling", "write 2 or more")


MINIMUM: dict[str, tuple[tuple[str, ...], ...]] = {
    "istiod": (("autoscaleMin",), ("pilot", "autoscaleMin")),
    "gateway": (("autoscaling", "minReplicas"),),
}
