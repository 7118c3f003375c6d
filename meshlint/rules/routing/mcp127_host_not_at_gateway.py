"""A VirtualService whose host its Gateway does not serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.hosts import HostIndex, is_external

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Gateway, VirtualService


@rule(
    "MCP127",
    ERROR,
    "A VirtualService whose host its Gateway does not serve",
    symptoms=("the gateway answers 404",),
    why="""
A Gateway's `hosts` say which hosts, and of which namespaces (`namespace/host`), may have routes there. A
VirtualService outside of that is ignored by the gateway.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop/shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com, www.example.com]
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
    hosts: ["shop/shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0132/",),
    needs=("Gateway",),
)
def check(mesh: MeshView) -> Hits:
    served = {gateway.key: _hosts(gateway) for gateway in mesh.gateways}
    for service in mesh.virtual_services:
        found = [mesh.gateway_by_key[name] for name in service.gateways if name in mesh.gateway_by_key]
        if not any(gateway.servers for gateway in found):
            continue
        for position, host in enumerate(service.fqdns):
            if service.in_mesh and not is_external(host):
                continue
            if not any(_serves(served[gateway.key], service, host) for gateway in found):
                keys = ", ".join(gateway.key for gateway in found)
                problem = (
                    f"is {service.hosts[position]}, which {keys} does not serve for namespace {service.obj.namespace}"
                )
                mend = "add the host to the Gateway's server, or remove it here"
                yield Hit(service.obj, ("spec", "hosts", position), problem, mend)


def _hosts(gateway: Gateway) -> HostIndex[str]:
    """The namespaces that may serve each host pattern of the gateway."""
    return HostIndex((pattern, namespace) for server in gateway.servers for namespace, pattern in server.hosts)


def _serves(hosts: HostIndex[str], service: VirtualService, host: str) -> bool:
    return any(namespace in ("*", service.obj.namespace) for namespace in hosts.overlapping(host))
