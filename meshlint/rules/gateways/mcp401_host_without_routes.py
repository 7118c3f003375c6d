"""A Gateway's host for which no VirtualService has routes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import text
from meshlint.view.hosts import HostIndex

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import VirtualService


@rule(
    "MCP401",
    WARNING,
    "A Gateway's host for which no VirtualService has routes",
    symptoms=("the gateway answers 404",),
    why="""
The gateway ends TLS for the host and answers every request with 404 (or, for TLS and TCP, opens no listener at all).
Servers that only redirect need no routes, and a host that is for one namespace (`shop/*.example.com`) is not judged
where the input has no routes of that namespace: they are of another repository, or still to come.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com, api.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/gateway/#Server",),
    needs=("VirtualService",),
)
def check(mesh: MeshView) -> Hits:
    attached: dict[str, list[tuple[str, VirtualService]]] = defaultdict(list)
    for service in mesh.virtual_services:
        for name in service.gateways:
            attached[name] += ((host, service) for host in service.fqdns)
    routing = {service.obj.namespace for service in mesh.virtual_services if service.http}
    for gateway in mesh.gateways:
        routed = HostIndex(attached.get(gateway.key, ()))
        for server in gateway.servers:
            if server.redirects or text(server.tls, "mode") == "AUTO_PASSTHROUGH":
                continue
            for position, (namespace, pattern) in enumerate(server.hosts):
                if server.is_http and namespace != "*" and namespace not in routing:
                    # Only that namespace may attach here, and the input shows no routes of it at all.
                    continue
                found = routed.overlapping(pattern.lower())
                if not any(namespace in ("*", service.obj.namespace) for service in found):
                    problem = f"is {pattern}, for which no VirtualService has routes at this gateway"
                    mend = "add the routes, or remove the host"
                    yield Hit(gateway.obj, (*server.path, "hosts", position), problem, mend)
