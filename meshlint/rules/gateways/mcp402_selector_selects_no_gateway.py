"""A Gateway whose selector selects no gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP402",
    ERROR,
    "A Gateway whose selector selects no gateway",
    symptoms=("the gateway does not listen", "connection refused at the load balancer"),
    why="""
The object configures the pods that its selector selects, in every namespace. Helm's gateway chart labels its pods
`istio: RELEASE` without the leading `istio-`. Judged where the input shows gateway workloads.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata:
      labels: {istio: ingressgateway}
      annotations: {inject.istio.io/templates: gateway}
    spec: {serviceAccountName: istio-ingressgateway}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingress-gateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
""",
    good="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata:
      labels: {istio: ingressgateway}
      annotations: {inject.istio.io/templates: gateway}
    spec: {serviceAccountName: istio-ingressgateway}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0101/",),
    needs=("gateway workloads",),
)
def check(mesh: MeshView) -> Hits:
    pods = [*mesh.gateway_workloads, *mesh.operator_gateways]
    for gateway in mesh.gateways:
        selected = mesh.select(None, gateway.selector) or any(selects(gateway.selector, pod.labels) for pod in pods)
        if gateway.selector and not selected:
            shown = ", ".join(f"{name}={wanted}" for name, wanted in gateway.selector.items())
            known = sorted({pod.labels.get("istio", "") for pod in pods} - {""})
            mend = (
                f"the gateways here have istio={' or '.join(known)}"
                if known
                else "use the labels of the gateway's pods"
            )
            yield Hit(gateway.obj, ("spec", "selector"), f"is {shown}, which no gateway's pods have", mend)
