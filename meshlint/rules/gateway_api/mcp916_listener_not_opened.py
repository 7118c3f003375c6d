"""A listener that Istio does not open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import mapping
from meshlint.view.gateway_api.programmed import TLS_MODE_OPTION

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.gateway_api.listeners import Listener
    from meshlint.view.mesh import MeshView


PROTOCOLS = ("HTTP", "HTTPS", "TLS", "TCP")
MOST_CERTIFICATES = 2


@rule(
    "MCP916",
    ERROR,
    "A listener that Istio does not open",
    symptoms=("the gateway does not listen", "connection refused at the load balancer"),
    why="""
Istio opens listeners of the protocols HTTP, HTTPS, TLS and TCP, written in capitals; HBONE at waypoints only, UDP
nowhere. HTTPS and TLS need a `tls` block, and where TLS is ended there a certificate: one, or two of different kinds
of keys.
""",
    bad="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    allowedRoutes: {namespaces: {from: All}}
""",
    good="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#listener",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.api_gateways:
        for listener in gateway.listeners if gateway.routes_requests else ():
            problem, mend = _why(listener)
            if problem:
                yield Hit(listener.obj, listener.path, problem, mend)


def _why(listener: Listener) -> tuple[str, str]:
    if listener.protocol not in PROTOCOLS:
        upper = listener.protocol.upper()
        mend = f"write {upper}" if upper in PROTOCOLS else f"use one of {', '.join(PROTOCOLS)}"
        return f"has the protocol {listener.protocol!r}, which Istio does not open at a gateway", mend
    if listener.protocol not in ("HTTPS", "TLS"):
        return "", ""
    if not listener.tls and listener.obj.kind == "Gateway" and "allowedListeners" in listener.obj.spec:
        # It stands for those of ListenerSets, which Istio opens.
        return "", ""
    if not listener.tls:
        return f"is {listener.protocol} without a tls block", "give it a certificate by tls.certificateRefs"
    if listener.protocol == "HTTPS" and listener.mode == "Passthrough":
        return "is HTTPS with tls.mode Passthrough, which no route fits", "write the protocol TLS, or end TLS here"
    ends = listener.mode == "Terminate" and TLS_MODE_OPTION not in mapping(listener.tls, "options")
    if ends and not listener.certificates:
        return "ends TLS without a certificate", "add tls.certificateRefs"
    if len(listener.certificates) > MOST_CERTIFICATES:
        return f"has {len(listener.certificates)} certificates, and Istio takes two at most", "keep two"
    return "", ""
