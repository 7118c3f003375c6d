"""A Gateway for every proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP415",
    WARNING,
    "A Gateway for every proxy",
    symptoms=("a host answers at the wrong gateway",),
    why="""
Without a selector the servers are opened on every gateway of the mesh: an internal host on the public one, an outside
host on the ingress.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
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
    sources=("https://istio.io/latest/docs/reference/config/networking/gateway/#Gateway",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.gateways:
        if not gateway.selector:
            yield Hit(gateway.obj, ("spec", "selector"), "is empty, so every gateway opens these servers", "select one")
