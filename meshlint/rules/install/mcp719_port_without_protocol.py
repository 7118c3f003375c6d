"""A Service port whose protocol Istio has to guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP719",
    INFO,
    "A Service port whose protocol Istio has to guess",
    symptoms=("HTTP routes and policies do not apply to a port",),
    why="""
Istio sniffs the protocol of a port that neither its name (`http-...`) nor `appProtocol` tells. Sniffing costs a
little, and a server that speaks first is then treated as TCP: no routes, no paths in policies. Judged for Services
that a VirtualService routes to.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: web, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http-web, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/",),
    needs=("Service",),
)
def check(mesh: MeshView) -> Hits:
    routed = {target.fqdn for route in mesh.http_routes for target in route.destinations}
    for service in mesh.services:
        if service.fqdn not in routed:
            continue
        for position, port in enumerate(service.ports):
            if not port.protocol:
                where = ("spec", "ports", position, "name")
                problem = f"is {port.name!r}, which tells no protocol"
                yield Hit(service.obj, where, problem, "name it http-..., or set appProtocol")
            elif port.protocol == "tcp" and len(service.ports) == 1:
                where = ("spec", "ports", position, "name")
                problem = f"is {port.name!r}: a TCP port, to which HTTP routes do not apply"
                yield Hit(service.obj, where, problem, "name it http-... if it speaks HTTP", ERROR)
