"""An MCP server at a listener without TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import elements, text
from meshlint.view.mcp_servers import says_mcp

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.gateway_api.routes import Route
    from meshlint.view.mesh import MeshView


@rule(
    "MCP914",
    ERROR,
    "An MCP server at a listener without TLS",
    symptoms=("tokens travel in plaintext",),
    why="""
The requests of MCP clients carry bearer tokens. A route without `sectionName` attaches to every listener of the
Gateway that has its host, the one on port 80 as well. Let that listener have a route of its own that redirects to
https, and name the other one in the parentRef.
""",
    bad="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: http
    port: 80
    protocol: HTTP
    allowedRoutes: {namespaces: {from: All}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.com]
  rules:
  - matches: [{path: {value: /mcp}}]
    backendRefs: [{name: web, port: 80}]
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
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge, sectionName: https}]
  hostnames: [shop.example.com]
  rules:
  - matches: [{path: {value: /mcp}}]
    backendRefs: [{name: web, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: redirect, namespace: edge}
spec:
  parentRefs: [{name: public, sectionName: http}]
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]
""",
    sources=("https://modelcontextprotocol.io/specification/2025-06-18/basic/authorization",),
)
def check(mesh: MeshView) -> Hits:
    for listener, attachments in mesh.attachments_by_listener.items():
        if listener.protocol != "HTTP":
            continue
        for attachment in attachments:
            route = attachment.route
            if route.kind == "HTTPRoute" and _serves_mcp(mesh, route):
                problem = f"puts {', '.join(route.hostnames) or 'every host'} at the {listener}, which is plain HTTP"
                mend = "name the listener with TLS by sectionName, and let the other one redirect"
                yield Hit(route.obj, attachment.parent.path, problem, mend)


def _serves_mcp(mesh: MeshView, route: Route) -> bool:
    for rule_ in route.rules:
        if rule_.redirects or not rule_.backends:
            continue
        if any(says_mcp(backend.reference.name) for backend in rule_.backends):
            return True
        for match in elements(rule_.raw, "matches"):
            if text(match, "path", "value").startswith(mesh.environment.mcp_paths):
                return True
    return any(says_mcp(host) for host in route.hostnames) and not all(rule_.redirects for rule_ in route.rules)
