"""One host at two Gateways of the same pods."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Server


@rule(
    "MCP416",
    ERROR,
    "One host at two Gateways of the same pods",
    symptoms=(
        "a setting has no effect",
        "the wrong certificate is shown",
    ),
    why="""
Two servers for one host on one port end up in one listener, and only one of their `tls` blocks counts: that of the
older Gateway. The other's certificate and mode are dropped with a line in istiod's log.
""",
    bad="""
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
kind: Gateway
metadata: {name: second, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: second, minProtocolVersion: TLSV1_2}
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
kind: Gateway
metadata: {name: second, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [cart.example.com]
    tls: {mode: SIMPLE, credentialName: cart, minProtocolVersion: TLSV1_2}
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0145/",),
)
def check(mesh: MeshView) -> Hits:
    seen: dict[tuple[int, str], list[Server]] = defaultdict(list)
    for gateway in sorted(mesh.gateways, key=lambda one: (not one.obj.created, one.obj.created, one.key)):
        for server in gateway.servers:
            if not server.tls or server.redirects:
                continue
            for position, (_, host) in enumerate(server.hosts):
                others = seen[server.number, host]
                other = next((one for one in others[:MOST_COMPARED] if _meets(one, server)), None)
                others.append(server)
                if other is not None and other.tls != server.tls:
                    problem = f"is {host}, which {other.obj.key} serves on port {server.number} with other TLS settings"
                    yield Hit(gateway.obj, (*server.path, "hosts", position), problem, "keep one of the two servers")


MOST_COMPARED = 50
"""Servers of one host and port that are compared with each other."""


def _meets(one: Server, other: Server) -> bool:
    """Whether two servers of different Gateways are for the same pods."""
    left, right = one.owner.selector, other.owner.selector
    return one.owner is not other.owner and bool(left and right) and (selects(left, right) or selects(right, left))
