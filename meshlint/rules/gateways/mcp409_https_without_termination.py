"""A passthrough server called HTTPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP409",
    INFO,
    "A passthrough server called HTTPS",
    symptoms=("HTTP routes at a passthrough gateway do nothing",),
    why="""
With PASSTHROUGH the gateway never sees a request: it routes by SNI, as `protocol: TLS` says and `HTTPS` does not.
Routes belong into `spec.tls` of the VirtualService, not into `spec.http`.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: istio-egress}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 443, name: https-openai, protocol: HTTPS}
    hosts: [api.openai.com]
    tls: {mode: PASSTHROUGH}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: istio-egress}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 443, name: tls-openai, protocol: TLS}
    hosts: [api.openai.com]
    tls: {mode: PASSTHROUGH}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings-TLSmode",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        for server in gateway.servers:
            if server.protocol == "HTTPS" and text(server.tls, "mode") == "PASSTHROUGH":
                yield Hit(gateway.obj, (*server.path, "port", "protocol"), "is HTTPS with PASSTHROUGH", "write TLS")
