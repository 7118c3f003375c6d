"""A route for a parent that does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.gateway_api.attachment import Refusal, refusal_of
from meshlint.view.gateway_api.listeners import Role
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.gateway_api.routes import Parent, Route
    from meshlint.view.mesh import MeshView


@rule(
    "MCP901",
    ERROR,
    "A route for a parent that does not exist",
    symptoms=("the gateway answers 404", "a route has no effect"),
    why="""
The route is attached to nothing, and its status says so only in the cluster. A `parentRef` without a namespace means
the route's own; a `sectionName` is the name of a listener. Requests that a waypoint reads are routed by routes of the
Service (`kind: Service, group: ""`), never by routes of the waypoint's Gateway. A Gateway is missed only where the
objects show others of its namespace, or one of that name elsewhere; a warning where the route has another parent that
is there.
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
  parentRefs: [{name: public}]
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
    sources=("https://gateway-api.sigs.k8s.io/reference/spec/#parentreference",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.api_routes:
        for parent in route.parents:
            problem, mend = _missing(mesh, route, parent)
            if problem:
                others = any(mesh.serves(one) for one in route.parents if one is not parent and not one.is_mesh)
                yield Hit(route.obj, parent.path, problem, mend, WARNING if others else None)


def _missing(mesh: MeshView, route: Route, parent: Parent) -> tuple[str, str]:
    to = parent.reference
    if to.is_service:
        shown = mesh.services_by_namespace.get(to.namespace, ())
        absent = bool(shown) and all(service.obj.name != to.name for service in shown)
        return (f"is {to}, and there is no such Service", "correct the name") if absent else ("", "")
    if to.kind == "ServiceEntry":
        near = [entry.obj.name for entry in mesh.service_entries if entry.obj.namespace == to.namespace]
        absent = bool(near) and to.name not in near
        return (f"is {to}, and there is no such ServiceEntry", "correct the name") if absent else ("", "")
    if to.group != GATEWAY_API or to.kind not in ("Gateway", "ListenerSet"):
        return "", ""
    listeners = mesh.listeners_by_owner.get((to.kind, to.namespace, to.name))
    if listeners is None:
        return _absent(mesh, parent) if to.is_gateway else ("", "")
    if listeners[0].gateway.role is Role.WAYPOINT:
        problem = f"is the waypoint {to.namespace}/{to.name}, whose own routes Istio does not read"
        return problem, 'name the Service instead: kind Service, group ""'
    if not listeners[0].gateway.routes_requests:
        return "", ""
    names = ", ".join(listener.name for listener in listeners)
    if parent.section and all(listener.name != parent.section for listener in listeners):
        return f"is {to} with the listener {parent.section!r}, which has {names}", "correct sectionName"
    if all(refusal_of(route, parent, listener, mesh.namespaces) is Refusal.SECTION for listener in listeners):
        return f"is {to} with port {parent.port}, at which none of its listeners {names} is", "correct the port"
    return "", ""


def _absent(mesh: MeshView, parent: Parent) -> tuple[str, str]:
    to = parent.reference
    same_name = [gateway.key for gateway in mesh.api_gateways if gateway.obj.name == to.name]
    near = any(gateway.obj.namespace == to.namespace for gateway in mesh.api_gateways)
    if not near and not same_name:
        return "", ""
    mend = f"{same_name[0]} is there, so correct the namespace" if same_name else "correct the name, or add the Gateway"
    return f"is {to}, and there is no such Gateway", mend
