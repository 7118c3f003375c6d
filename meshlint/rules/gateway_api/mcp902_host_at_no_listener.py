"""A route whose hosts no listener has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.gateway_api.attachment import Refusal

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP902",
    ERROR,
    "A route whose hosts no listener has",
    symptoms=("the gateway answers 404", "a route has no effect"),
    why="""
A route gets the requests for hosts that are both its own and the listener's. Where they have none in common the route
is refused as a whole. A listener without `hostname` has every host, a wildcard those that end so.
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
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.org]
  rules:
  - backendRefs: [{name: web, port: 80}]
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
  - backendRefs: [{name: web, port: 80}]
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec",),
)
def check(mesh: MeshView) -> Hits:
    for route, parent, refused in mesh.refused_parents:
        if Refusal.HOSTNAME not in refused:
            continue
        hosts = ", ".join(dict.fromkeys(listener.hostname for listener in refused[Refusal.HOSTNAME]))
        problem = f"leads to {parent.reference}, whose listeners have {hosts}, and not {', '.join(route.hostnames)}"
        yield Hit(route.obj, parent.path, problem, "correct the hostnames of the route or of the listener")
