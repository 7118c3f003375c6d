"""Two listeners that cannot both be at one gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP906",
    ERROR,
    "Two listeners that cannot both be at one gateway",
    symptoms=("the gateway does not listen", "the gateway answers 404"),
    why="""
Listeners of HTTP, HTTPS and TLS share a port where their hosts differ; those of TCP share it with nobody. Of two in
conflict the first one is programmed, and routes at the other one are attached to nothing.
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
    tls: {certificateRefs: [{name: example}]}
    allowedRoutes: {namespaces: {from: All}}
  - name: second
    hostname: "*.example.com"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: second}]}
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
  - name: second
    hostname: "*.example.org"
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: second}]}
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#listener",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.api_gateways:
        for listener in gateway.listeners if gateway.routes_requests else ():
            other = listener.loses_to
            if other is not None:
                same = f"{listener.protocol} for {listener.hostname} at port {listener.port}"
                problem = f"({same}) stands against the {other} ({other.protocol} for {other.hostname}), which wins"
                yield Hit(listener.obj, listener.path, problem, "give it another host or port, or remove it")
