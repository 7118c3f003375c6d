"""A route that its listener does not let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import text
from meshlint.view.gateway_api.attachment import Refusal

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP903",
    ERROR,
    "A route that its listener does not let in",
    symptoms=("the gateway answers 404", "a route has no effect"),
    why="""
A listener takes routes of its own namespace only, unless `allowedRoutes.namespaces` says `All` or selects others by
label; and of the kinds that fit its protocol, unless `allowedRoutes.kinds` names fewer. A namespace whose labels the
objects do not show is taken to be let in.
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
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#allowedroutes",),
)
def check(mesh: MeshView) -> Hits:
    for route, parent, refused in mesh.refused_parents:
        if Refusal.HOSTNAME in refused:
            continue
        if Refusal.NAMESPACE in refused:
            listener = refused[Refusal.NAMESPACE][0]
            source = text(listener.raw, "allowedRoutes", "namespaces", "from") or "Same"
            problem = f"leads to the {listener}, which does not let in routes of {route.obj.namespace} (from: {source})"
            yield Hit(route.obj, parent.path, problem, "let them in by allowedRoutes.namespaces of the listener")
        elif Refusal.KIND in refused:
            listener = refused[Refusal.KIND][0]
            taken = ", ".join(sorted(listener.kinds)) or "none"
            protocol = f"{listener.protocol} {listener.mode}".strip()
            problem = f"leads to the {listener} ({protocol}), which takes routes of the kinds: {taken}"
            yield Hit(route.obj, parent.path, problem, f"use another kind than {route.kind}, or another listener")
