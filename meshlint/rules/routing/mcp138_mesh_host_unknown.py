"""Routes in the mesh for a host that nobody can call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, Unseen, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP138",
    WARNING,
    "Routes in the mesh for a host that nobody can call",
    symptoms=("a setting has no effect", "canary gets no traffic"),
    why="""
Sidecars apply a VirtualService to hosts of the registry. One for a name that no Service or ServiceEntry has applies
to nothing. Judged for namespaces of which the input shows a Service.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [webb]
  http:
  - route: [{destination: {host: web}}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService",),
    needs=("Service",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    namespaces = {service.obj.namespace for service in mesh.services}
    delegates = {
        (text(route.raw, "delegate", "namespace") or route.obj.namespace, text(route.raw, "delegate", "name"))
        for route in mesh.http_routes
        if "delegate" in route.raw
    }
    for owner in mesh.virtual_services:
        if owner.hosts or not owner.http or (owner.obj.namespace, owner.obj.name) in delegates:
            pass
        elif "hosts" not in owner.obj.spec and not delegates and not mesh.environment.whole_mesh:
            yield Unseen(owner.obj, "VirtualService that delegates")
        else:
            yield Hit(
                owner.obj, ("spec", "hosts"), "is absent, and no VirtualService delegates to this one", "name the hosts"
            )
        if not owner.in_mesh or owner.on_gateway:
            continue
        for position, host in enumerate(owner.fqdns):
            parts = host.split(".")
            inside = ".svc" in host and len(parts) > 2 and parts[1] in namespaces
            if inside and not mesh.knows_host(host, owner.obj.namespace):
                problem = f"is {owner.hosts[position]}, which no Service or ServiceEntry has"
                yield Hit(owner.obj, ("spec", "hosts", position), problem, "correct the name, or add the Service")
