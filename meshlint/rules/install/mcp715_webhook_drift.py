"""A webhook policy that istiod changes after the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP715",
    WARNING,
    "A webhook policy that istiod changes after the installation",
    symptoms=("every preview shows a change", "conflict with pilot-discovery on apply"),
    why="""
The charts render `failurePolicy: Ignore` on a first installation, and istiod then turns it to `Fail`. A tool that
renders charts always as a first installation (Pulumi's Chart, Argo CD) sees a difference for ever, or a conflict
under server-side apply. `base.validationFailurePolicy: Fail` in both charts, base and istiod, renders what istiod
wants.
""",
    bad="""
# values of the istiod chart
base: {validationFailurePolicy: Ignore}
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
base: {validationFailurePolicy: Fail}
meshConfig:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
    sources=("https://github.com/pulumi/pulumi-kubernetes/issues/2210",),
)
def check(mesh: MeshView) -> Hits:
    charts = mesh.charts_named("base", "istiod")
    said = [text(chart.values, "base", "validationFailurePolicy") for chart in charts]
    for chart, policy in zip(charts, said, strict=True):
        if policy == "Ignore" or (not policy and "Fail" in said):
            where = (*chart.path, "base", "validationFailurePolicy")
            shown = f"is {policy}" if policy else "is not set here, but in the other chart"
            yield Hit(
                chart.obj, where, f"{shown}; istiod turns the webhook to Fail", "write Fail in base and in istiod"
            )
