"""A route to a port that the Service does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Destination, VirtualService


@rule(
    "MCP106",
    ERROR,
    "A route to a port that the Service does not have",
    symptoms=("503 with flag NC or NR", "a path answers 503"),
    why="""
Routes name the Service's port, not the container's. A port that the Service does not list has no cluster, and the
route answers 503.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web, port: {number: 8080}}}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web, port: {number: 80}}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination",),
    needs=("registry",),
)
def check(mesh: MeshView) -> Hits:
    for owner in mesh.virtual_services:
        targets = [target for route in owner.http for target in (*route.destinations, *route.mirrors)]
        for target in (*targets, *owner.layer4):
            ports = _ports(mesh, target)
            if target.port is None:
                yield from _unnamed(mesh, owner, target)
                continue
            if not ports or target.port in ports:
                continue
            problem = f"is {target.port}, but {target.fqdn} has {', '.join(map(str, sorted(ports)))}"
            yield Hit(owner.obj, (*target.path, "port", "number"), problem, "name a port of the Service")


def _unnamed(mesh: MeshView, owner: VirtualService, target: Destination) -> Hits:
    service = mesh.service_by_fqdn.get(target.fqdn)
    if service is not None and len(service.ports) > 1 and owner.on_gateway:
        numbers = ", ".join(str(port.number) for port in service.ports)
        problem = f"names no port, and {target.fqdn} has several ({numbers})"
        yield Hit(owner.obj, target.path, problem, "write port: {number: ...}")


def _ports(mesh: MeshView, target: Destination) -> set[int]:
    service = mesh.service_by_fqdn.get(target.fqdn)
    if service is not None:
        return {port.number for port in service.ports}
    return {port.number for entry in mesh.entries_for(target.fqdn) for port in entry.ports}
