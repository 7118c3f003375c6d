"""A retry on an HTTPRoute that repeats requests which are not idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import elements, mapping, text, whole
from meshlint.view.strings import UNSAFE_METHODS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP920",
    ERROR,
    "A retry on an HTTPRoute that repeats requests which are not idempotent",
    symptoms=("a tool call runs several times", "a payment is made twice"),
    why="""
A status in `retry.codes` comes from a server that has seen the request: a POST that it has carried out already is
sent again. Without codes Istio repeats only what did not reach a server, and what gRPC says to be unavailable. For
hosts that serve MCP this is an error (every tool call is a POST), for others a warning.
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
---
apiVersion: v1
kind: Service
metadata: {name: mcp, namespace: chat}
spec: {selector: {app: mcp}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: mcp, namespace: chat}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [mcp.example.com]
  rules:
  - matches: [{path: {value: /mcp}}]
    retry: {attempts: 2, codes: [500, 503]}
    backendRefs: [{name: mcp, port: 80}]
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
---
apiVersion: v1
kind: Service
metadata: {name: mcp, namespace: chat}
spec: {selector: {app: mcp}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: mcp, namespace: chat}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [mcp.example.com]
  rules:
  - matches: [{path: {value: /mcp}}]
    retry: {attempts: 2}
    backendRefs: [{name: mcp, port: 80}]
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#httprouteretry",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.api_routes:
        for rule_ in route.rules:
            codes = mapping(rule_.raw, "retry").get("codes")
            if not codes or whole(rule_.raw, "retry", "attempts") == 0 or not rule_.backends:
                continue
            methods = {text(match, "method") for match in elements(rule_.raw, "matches")}
            if methods and "" not in methods and methods.isdisjoint(UNSAFE_METHODS):
                continue
            hosts = {f"{one.reference.name}.{one.reference.namespace}.svc.cluster.local" for one in rule_.backends}
            problem = (
                f"repeats requests that a server has answered with {', '.join(map(str, codes))}, whatever they did"
            )
            severity = WARNING if hosts.isdisjoint(mesh.mcp_hosts) else ERROR
            mend = "remove codes: what did not reach a server is repeated without them"
            yield Hit(route.obj, (*rule_.path, "retry", "codes"), problem, mend, severity)
