"""A Gateway that takes every host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP407",
    INFO,
    "A Gateway that takes every host",
    symptoms=("a foreign namespace serves our host",),
    why="""
With `hosts: ["*"]` any VirtualService of any namespace may attach any host, one's own login page included. Name the
hosts, with the namespace that may serve them: `shop/shop.example.com`.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
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
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/#avoid-overly-broad-hosts-configurations",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        for server in gateway.servers:
            for position, (namespace, pattern) in enumerate(server.hosts):
                if pattern == "*" and namespace == "*" and not server.redirects and server.protocol != "TCP":
                    where = (*server.path, "hosts", position)
                    problem = "is *, so any namespace can attach any host"
                    yield Hit(gateway.obj, where, problem, "name the hosts, as in NAMESPACE/shop.example.com")
