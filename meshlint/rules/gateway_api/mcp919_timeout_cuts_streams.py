"""A timeout on an HTTPRoute that carries MCP streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP919",
    ERROR,
    "A timeout on an HTTPRoute that carries MCP streams",
    symptoms=("a stream ends without a result", "ChatGPT says the tool timed out"),
    why="""
`timeouts.request` and `timeouts.backendRequest` end the whole response, not a silence in it: a tool call that streams
events for longer is cut at that second without a result. Leave them out, or write `0s`, which means none.
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
    timeouts: {request: 30s}
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
    backendRefs: [{name: mcp, port: 80}]
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#httproutetimeouts",),
)
def check(mesh: MeshView) -> Hits:
    longest = mesh.environment.longest_call_seconds
    told: set[tuple[int, Path]] = set()
    for route in mesh.programmed_routes:
        written = text(route.raw, "timeout")
        if not route.owner.from_gateway_api or not written or not route.timeout or (id(route.obj), route.path) in told:
            continue
        if longest is not None and route.timeout > longest:
            continue
        path = mesh.mcp_path_of(route)
        if path:
            told.add((id(route.obj), route.path))
            problem = f"ends at {written}, which cuts every stream of {path} at that second"
            yield Hit(route.obj, (*route.path, "timeouts"), problem, "remove it")
