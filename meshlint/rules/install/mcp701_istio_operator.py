"""An IstioOperator, which nothing installs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, rule
from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP701",
    INFO,
    "An IstioOperator, which nothing installs any more",
    symptoms=("no matches for kind", "a setting has no effect"),
    why="""
Istio 1.31 has no IstioOperator resource and no operator in the cluster; only `istioctl install -f` still reads the
format. Each file is a complete desired state, so a second one removes what the first installed. Helm's charts take
the same settings: each part is named with the chart and the values it moves to.
""",
    bad="""
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: istio, namespace: istio-system}
spec:
  profile: default
""",
    good="""
# values of the istiod chart
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=(
        "https://istio.io/latest/docs/setup/install/helm/",
        "https://istio.io/latest/blog/2024/in-cluster-operator-deprecation-announcement/",
    ),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    operators = mesh.istio_operators
    for position, operator in enumerate(operators):
        problem = "is IstioOperator, which the API server of Istio 1.31 does not have"
        yield Hit(operator, ("kind",), problem, "install with the charts base, istiod, cni and gateway")
        if position:
            problem = f"is a second installation beside {operators[0].key}, and the later removes the earlier's parts"
            yield Hit(operator, ("metadata", "name"), problem, "merge them into one set of chart values")
        for path, chart in _parts(operator):
            yield Hit(operator, path, "belongs to a Helm chart now", f"move it to {chart}", INFO)


def _parts(operator: Manifest) -> Iterator[tuple[Path, str]]:
    pilot = mapping(operator.spec, "components", "pilot", "k8s")
    for field in pilot:
        if field in PILOT:
            yield ("spec", "components", "pilot", "k8s", field), f"{PILOT[field]} of the istiod chart"
    for block in ("ingressGateways", "egressGateways"):
        for position, entry in enumerate(elements(operator.spec, "components", block)):
            name = text(entry, "name") or "istio-ingressgateway"
            values = "name, autoscaling, resources, service, affinity"
            where = ("spec", "components", block, position)
            yield where, f"a release {name} of the gateway chart ({values}), in a namespace of its own"
    if mapping(operator.spec, "meshConfig"):
        yield ("spec", "meshConfig"), "meshConfig of the istiod chart"
    for section, chart in VALUES.items():
        if mapping(operator.spec, "values", section):
            yield ("spec", "values", section), chart


PILOT = {
    "replicaCount": "replicaCount, or autoscaleMin,",
    "hpaSpec": "autoscaleMin, autoscaleMax and cpu.targetAverageUtilization",
    "resources": "resources",
    "env": "env",
    "affinity": "affinity, or better topologySpreadConstraints,",
    "podDisruptionBudget": "pdb",
    "nodeSelector": "nodeSelector",
    "tolerations": "tolerations",
    "podAnnotations": "podAnnotations",
}
VALUES = {
    "global": "global of the istiod chart",
    "pilot": "the top level of the istiod chart's values (autoscaleMin, env, resources)",
    "sidecarInjectorWebhook": "sidecarInjectorWebhook of the istiod chart",
    "gateways": "a release of the gateway chart per gateway (autoscaling, podAnnotations, env at the top level)",
    "cni": "the cni chart",
}
