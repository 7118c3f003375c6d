"""A reference to another namespace that nobody granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.gateway_api.references import Reference
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP904",
    ERROR,
    "A reference to another namespace that nobody granted",
    symptoms=("the gateway answers 500", "TLS handshake fails at the gateway"),
    why="""
What is in another namespace may be used only if a ReferenceGrant there says so, for the kind and namespace of who
refers to it. Without one, requests for a backend get 500, and a listener whose certificates are not granted is not
opened. Istio asks for no grant of routes of a Service (in the mesh). Judged where the objects show something to refer
to in that namespace: a Service, Secret, ConfigMap or ReferenceGrant.
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
metadata: {name: web, namespace: backends}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.com]
  rules:
  - backendRefs: [{name: web, namespace: backends, port: 80}]
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
metadata: {name: web, namespace: backends}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes-of-shop, namespace: backends}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.com]
  rules:
  - backendRefs: [{name: web, namespace: backends, port: 80}]
""",
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.api_routes:
        if not any(not parent.is_mesh and mesh.serves(parent) for parent in route.parents):
            continue
        for rule_ in route.rules:
            for backend in (*rule_.backends, *rule_.mirrors):
                if not mesh.is_granted(route.obj, backend.reference):
                    yield _hit(route.obj, backend.path, backend.reference)
    for gateway in mesh.api_gateways:
        for listener in gateway.listeners if gateway.routes_requests else ():
            for path, reference in listener.certificates:
                if not mesh.is_granted(listener.obj, reference):
                    yield _hit(listener.obj, path, reference)
        for path, reference in gateway.client_authorities if gateway.routes_requests else ():
            if not mesh.is_granted(gateway.obj, reference):
                yield _hit(gateway.obj, path, reference)


def _hit(obj: Manifest, path: Path, to: Reference) -> Hit:
    group = f"group {to.group}" if to.group else 'group ""'
    problem = f"is {to}, and no ReferenceGrant in {to.namespace} lets a {obj.kind} of {obj.namespace} use it"
    mend = f"add a ReferenceGrant in {to.namespace}: from {obj.kind} of {obj.namespace}, to {to.kind} ({group})"
    return Hit(obj, path, problem, mend)
