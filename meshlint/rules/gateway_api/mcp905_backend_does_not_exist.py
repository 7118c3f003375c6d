"""A route to a backend that does not exist."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.manifest import ISTIO_GROUPS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.gateway_api.routes import Backend
    from meshlint.view.mesh import MeshView


@rule(
    "MCP905",
    ERROR,
    "A route to a backend that does not exist",
    symptoms=("the gateway answers 500", "a route has no effect"),
    why="""
Istio answers 500 to requests that a route sends to a Service that does not exist, to one of a kind that it does not
read, or without a port; a port that the Service does not have answers 503. `port` is the Service's, not the
container's. Judged where the objects show Services of that namespace.
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
  hostnames: [shop.example.com]
  rules:
  - backendRefs: [{name: web, port: 8080}]
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
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#backendref",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.api_routes:
        if not any(mesh.serves(parent) for parent in route.parents):
            continue
        for rule_ in route.rules:
            for backend in (*rule_.backends, *rule_.mirrors):
                problem, mend = _missing(mesh, backend)
                if problem:
                    yield Hit(route.obj, backend.path, problem, mend)


def _missing(mesh: MeshView, backend: Backend) -> tuple[str, str]:
    to = backend.reference
    if not to.is_service:
        known = to.kind in ("ServiceImport", "InferencePool") or (to.kind == "Hostname" and to.group in ISTIO_GROUPS)
        problem = f"is a {to.kind} of group {to.group!r}, to which Istio sends no requests"
        return ("", "") if known else (problem, "name a Service")
    if backend.port is None:
        return f"is {to} without a port", "name the Service's port"
    shown = mesh.services_by_namespace.get(to.namespace, [])
    if not shown:
        return "", ""
    service = next((one for one in shown if one.obj.name == to.name), None)
    if service is None:
        similar = get_close_matches(to.name, [one.obj.name for one in shown], n=1)
        mend = f"{similar[0]} is there, so correct the name" if similar else "correct the name"
        return f"is {to}, and there is no such Service", mend
    numbers = [port.number for port in service.ports]
    if numbers and backend.port not in numbers:
        return f"is port {backend.port} of {to}, which has {', '.join(map(str, numbers))}", "name one of its ports"
    return "", ""
