"""A Gateway that Istio refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, rule
from meshlint.validation import gateway
from meshlint.validation.refusal import refused

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP012",
    ERROR,
    "A Gateway that Istio refuses",
    symptoms=("the API server refuses the object", "admission webhook denied the request"),
    why="""
The schema allows it, Istio's validating webhook does not: a port without a name, or with the name of another one, a
short host name, a protocol that Istio does not speak, TLS settings without a certificate or on a port without TLS.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop]
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
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
""",
    sources=(
        "https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go",
        "https://istio.io/latest/docs/reference/config/networking/gateway/",
    ),
)
def check(mesh: MeshView) -> Hits:
    yield from refused(mesh, "Gateway", gateway.validate)
