"""A VirtualService and a route of Gateway API for one host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import VirtualService


@rule(
    "MCP913",
    WARNING,
    "A VirtualService and a route of Gateway API for one host",
    symptoms=("a setting has no effect", "canary gets no traffic"),
    why="""
In the mesh one object owns a host: of a VirtualService and an HTTPRoute for the same Service the older one is
followed and the other ignored, and at a waypoint Istio does not support the two together. At a gateway both are
merged by age, and the routes of one hide those of the other where they take the same paths.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web.shop.svc.cluster.local]
  http:
  - route: [{destination: {host: web.shop.svc.cluster.local}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{kind: Service, group: "", name: web}]
  rules:
  - backendRefs: [{name: web, port: 80}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{kind: Service, group: "", name: web}]
  rules:
  - backendRefs: [{name: web, port: 80}]
""",
    sources=("https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/",),
)
def check(mesh: MeshView) -> Hits:
    if not mesh.api_routes or not mesh.virtual_services:
        return
    seen: set[tuple[str, str]] = set()
    for made in mesh.programmed_services:
        if not made.from_gateway_api:
            continue
        for host in made.hosts:
            for other in mesh.virtual_services_of(host):
                if not _meet(mesh, made, other) or (made.obj.key, other.obj.key) in seen:
                    continue
                seen.add((made.obj.key, other.obj.key))
                position = next(
                    (place for place, name in enumerate(other.fqdns) if name == host or other.hosts[place] == host), 0
                )
                problem = f"is {host}, for which {made.obj.key} has routes, too"
                yield Hit(other.obj, ("spec", "hosts", position), problem, "keep one of the two APIs for the host")


def _meet(mesh: MeshView, made: VirtualService, other: VirtualService) -> bool:
    if made.in_mesh:
        return other.in_mesh
    ours = {gateway.key: gateway for gateway in mesh.programmed_gateways}
    mine = [ours[key] for key in made.gateways if key in ours]
    theirs = [mesh.gateway_by_key[key] for key in other.gateways if key in mesh.gateway_by_key]
    return any(
        one.home in ("", two.home or one.home)
        and one.selector.items() <= {**one.selector, **two.selector}.items()
        and two.selector.items() <= one.selector.items()
        and {server.number for server in one.servers} & {server.number for server in two.servers}
        for one in mine
        for two in theirs
    )
