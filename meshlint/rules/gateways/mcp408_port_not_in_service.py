"""A Gateway's port that the load balancer does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import elements, value, whole
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.kubernetes import Port
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Gateway


@rule(
    "MCP408",
    ERROR,
    "A Gateway's port that the load balancer does not have",
    symptoms=("connection refused at the load balancer",),
    why="""
A server's port is the *Service's* port. What the gateway's Service does not list never reaches the pods.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {istio: ingressgateway}
  ports: [{name: https, port: 443}]
---
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
  - port: {number: 9443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {istio: ingressgateway}
  ports: [{name: https, port: 443}]
---
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
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0162/",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        ports = _ports(mesh, gateway)
        for server in gateway.servers:
            if ports and server.number not in ports:
                where = (*server.path, "port", "number")
                listed = ", ".join(map(str, sorted(ports)))
                yield Hit(
                    gateway.obj,
                    where,
                    f"is {server.number}, but the gateway has {listed}",
                    "add the port there, or use one of these",
                )


def _ports(mesh: MeshView, gateway: Gateway) -> set[int]:
    """Ports of the Services, chart values and IstioOperators of the gateway's pods; empty where none is shown."""
    found: set[int] = set()
    pods = [pod for pod in mesh.gateway_workloads if selects(gateway.selector, pod.labels)]
    places = {(pod.namespace, tuple(sorted(pod.labels.items()))) for pod in pods}
    if gateway.selector:
        selected = mesh.select(None, gateway.selector)
        places |= {(pod.namespace, tuple(sorted(pod.labels.items()))) for pod in selected}
    for namespace, labels in places:
        for service in mesh.services_by_namespace.get(namespace, ()):
            if service.selector and selects(service.selector, dict(labels)):
                found |= {port.number for port in service.ports} | _targets(service.ports)
    for chart in mesh.charts_named("gateway"):
        if any(pod.obj is chart.obj for pod in pods):
            found |= {whole(port, "port") or 0 for port in elements(chart.values, "service", "ports")}
    for pod in mesh.operator_gateways:
        if selects(gateway.selector, pod.labels):
            listed = elements(value(pod.obj.body, *pod.path), "k8s", "service", "ports")
            found |= {whole(port, "port") or 0 for port in listed} | {whole(port, "targetPort") or 0 for port in listed}
    return found - {0}


def _targets(ports: list[Port]) -> set[int]:
    return {port.target for port in ports if isinstance(port.target, int)}
