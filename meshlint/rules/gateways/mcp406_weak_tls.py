"""TLS at the gateway that is weaker than it could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import strings, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Server


@rule(
    "MCP406",
    WARNING,
    "TLS at the gateway that is weaker than it could be",
    symptoms=("a scanner reports weak TLS",),
    why="""
Name `minProtocolVersion: TLSV1_2` so that the floor does not follow the proxy's default, and no cipher without
forward secrecy or with SHA-1, 3DES or RC4. `cipherSuites` apply to TLS 1.2 only; 1.3 has its own. TLS 1.0 and 1.1 are
errors (RFC 8996).

A version that is not set is an info, a retired one a warning.
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
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_0}
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
    sources=(
        "https://www.rfc-editor.org/rfc/rfc8996",
        "https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings",
    ),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        for server in gateway.servers:
            if not server.ends_tls or text(server.tls, "mode") == "ISTIO_MUTUAL":
                continue
            yield from _versions(server)
            for position, cipher in enumerate(strings(server.tls, "cipherSuites")):
                if not cipher.startswith("ECDHE") or cipher.endswith("-SHA"):
                    where = (*server.path, "tls", "cipherSuites", position)
                    problem = f"is {cipher}, without forward secrecy or with SHA-1"
                    yield Hit(server.obj, where, problem, "keep ECDHE suites with GCM or CHACHA20-POLY1305")


def _versions(server: Server) -> Hits:
    lowest = text(server.tls, "minProtocolVersion")
    where = (*server.path, "tls", "minProtocolVersion")
    if lowest in ("TLSV1_0", "TLSV1_1"):
        yield Hit(server.obj, where, f"is {lowest}, which RFC 8996 retired", "write TLSV1_2", WARNING, ERROR)
    elif lowest in ("", "TLS_AUTO"):
        yield Hit(server.obj, where, "is not set", "write TLSV1_2", INFO)
    if text(server.tls, "maxProtocolVersion") in ("TLSV1_0", "TLSV1_1", "TLSV1_2"):
        highest = text(server.tls, "maxProtocolVersion")
        problem = f"is {highest}, which keeps clients from TLS 1.3"
        yield Hit(server.obj, (*server.path, "tls", "maxProtocolVersion"), problem, "remove it")
