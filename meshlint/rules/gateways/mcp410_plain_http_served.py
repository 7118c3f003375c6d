"""A gateway that serves plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP410",
    ERROR,
    "A gateway that serves plain HTTP",
    symptoms=("tokens travel in plaintext", "a scanner reports weak TLS"),
    why="""
Requests, and the bearer tokens in them, cross the internet in plaintext. A port 80 server should only redirect: `tls:
{httpsRedirect: true}`.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
    tls: {httpsRedirect: true}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        if gateway.is_egress:
            continue
        for server in gateway.servers:
            if server.protocol in ("HTTP", "HTTP2", "GRPC") and not server.redirects:
                problem = f"serves {server.protocol} on {server.number} without TLS"
                yield Hit(gateway.obj, server.path, problem, "add tls: {httpsRedirect: true}, or serve HTTPS")
