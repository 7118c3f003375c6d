"""TLS settings that do not end TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP412",
    ERROR,
    "TLS settings that do not end TLS",
    symptoms=("TLS handshake fails at the gateway", "HTTP routes at a passthrough gateway do nothing"),
    why="""
A server whose `tls` has no mode hands the connection on as it is (PASSTHROUGH), and its certificate is not used; with
OPTIONAL_MUTUAL a client may leave its certificate out; and a server for plain HTTP has no use for a mode.
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
    tls: {credentialName: shop, minProtocolVersion: TLSV1_2}
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
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        for server in gateway.servers:
            where = (*server.path, "tls")
            mode = text(server.tls, "mode")
            if server.protocol in ("HTTPS", "TLS") and "tls" in server.raw and not mode:
                problem = "is not set, which means PASSTHROUGH: the gateway does not end TLS"
                mend = "write SIMPLE or MUTUAL (or PASSTHROUGH, if that is meant)"
                # Istio takes it, and passing TLS on may be what is wanted.
                yield Hit(gateway.obj, (*where, "mode"), problem, mend, WARNING)
            elif server.protocol == "HTTP" and mode and not server.redirects:
                problem = f"has mode {mode} on a server for HTTP, where it has no effect"
                yield Hit(gateway.obj, where, problem, "write protocol HTTPS or TLS")
            if mode == "OPTIONAL_MUTUAL":
                problem = "is OPTIONAL_MUTUAL, so clients without a certificate get in"
                yield Hit(gateway.obj, (*where, "mode"), problem, "write MUTUAL", WARNING)
