"""A TLS server without the TLS settings it needs."""

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
    "A TLS server without the TLS settings it needs",
    symptoms=("the API server refuses the object", "TLS handshake fails at the gateway"),
    why="""
An HTTPS or TLS server needs `tls` with a mode; SIMPLE and MUTUAL need a certificate (`credentialName`, or the two
file paths), and a server for plain HTTP has no use for one.
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
    tls: {mode: SIMPLE, minProtocolVersion: TLSV1_2}
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
            certificate = any(
                server.tls.get(name) for name in ("credentialName", "credentialNames", "serverCertificate")
            )
            certificate = certificate or bool(server.tls.get("tlsCertificates"))
            if server.protocol in ("HTTPS", "TLS") and "tls" not in server.raw:
                yield Hit(
                    gateway.obj, where, f"is absent on a server for {server.protocol}", "add mode and credentialName"
                )
            elif server.protocol in ("HTTPS", "TLS") and not mode:
                said = "is not set" if server.tls else "has no mode"
                problem = f"{said}, which means PASSTHROUGH: the gateway does not end TLS"
                mend = "write SIMPLE or MUTUAL (or PASSTHROUGH, if that is meant)"
                # Istio takes it, and passing TLS on may be what is wanted.
                yield Hit(gateway.obj, where if not server.tls else (*where, "mode"), problem, mend, WARNING)
            elif server.ends_tls and mode in ("", "SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") and not certificate:
                yield Hit(gateway.obj, where, "names no certificate", "add credentialName")
            elif server.protocol in ("HTTP", "TCP") and mode and not server.redirects:
                problem = f"has mode {mode} on a server for {server.protocol}, where it has no effect"
                yield Hit(gateway.obj, where, problem, "write protocol HTTPS or TLS")
            if mode == "OPTIONAL_MUTUAL":
                problem = "is OPTIONAL_MUTUAL, so clients without a certificate get in"
                yield Hit(gateway.obj, (*where, "mode"), problem, "write MUTUAL", WARNING)
