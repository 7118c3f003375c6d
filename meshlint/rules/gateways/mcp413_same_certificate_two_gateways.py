"""One certificate in two Gateways of the same pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Gateway


@rule(
    "MCP413",
    WARNING,
    "One certificate in two Gateways of the same pods",
    symptoms=("the gateway answers 404", "a path answers from the wrong service"),
    why="""
Browsers reuse an HTTP/2 connection for every host that its certificate covers. If two Gateway objects serve different
hosts with one (wildcard) certificate, the request for the second arrives on the connection of the first, whose
listener has no route for it: 404. Serve both hosts in one Gateway, or give each its own certificate.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: wildcard, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: api, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https-api, protocol: HTTPS}
    hosts: [api.example.com]
    tls: {mode: SIMPLE, credentialName: wildcard, minProtocolVersion: TLSV1_2}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com, api.example.com]
    tls: {mode: SIMPLE, credentialName: wildcard, minProtocolVersion: TLSV1_2}
""",
    sources=(
        "https://istio.io/latest/docs/ops/common-problems/network-issues/#404-errors-occur-when-multiple-gateways-configured-with-same-tls-certificate",
    ),
)
def check(mesh: MeshView) -> Hits:
    first: dict[tuple[tuple[tuple[str, str], ...], str], Gateway] = {}
    for gateway in mesh.gateways:
        for server in gateway.servers:
            name = text(server.tls, "credentialName")
            if not name or not server.is_http:
                continue
            other = first.setdefault((tuple(sorted(gateway.selector.items())), name), gateway)
            if other is not gateway:
                problem = f"is {name!r}, which Gateway {other.key} serves on the same pods"
                mend = "put both hosts into one Gateway, or use two certificates"
                yield Hit(gateway.obj, (*server.path, "tls", "credentialName"), problem, mend)
