"""A route to a host that no Service has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Destination


@rule(
    "MCP104",
    ERROR,
    "A route to a host that no Service has",
    symptoms=("503 with flag NC or NR", "a path answers 503"),
    why="""
istiod generates no cluster for a host that its registry does not hold, and the route answers 503. Judged only for
namespaces of which the input shows at least one Service. A name with one dot (`web.shop`) is not expanded: write
`web.shop.svc.cluster.local`, or the bare name within its own namespace.
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
  hosts: [web]
  http:
  - route: [{destination: {host: web-v2}}]
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
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0101/",),
    needs=("registry",),
)
def check(mesh: MeshView) -> Hits:
    namespaces = {service.obj.namespace for service in mesh.services}
    namespaces |= {host.split(".")[1] for host in mesh.service_entries_by_host if host.endswith(".svc.cluster.local")}
    names = {f"{service.obj.name}.{service.obj.namespace}": service.fqdn for service in mesh.services}
    for owner in mesh.virtual_services:
        targets = [target for route in owner.http for target in (*route.destinations, *route.mirrors)]
        for target in (*targets, *owner.layer4):
            host = (*target.path, "host")
            if target.fqdn in names:
                problem = f"is {target.host}, which Istio does not expand"
                yield Hit(owner.obj, host, problem, f"write {names[target.fqdn]}")
            elif _is_missing(target, namespaces) and not mesh.knows_host(target.fqdn, owner.obj.namespace):
                problem = f"is {target.host}, and no Service or ServiceEntry has that name"
                yield Hit(owner.obj, host, problem, "correct the name, or add the Service")


def _is_missing(target: Destination, namespaces: set[str]) -> bool:
    name, _, rest = target.fqdn.partition(".")
    namespace, _, suffix = rest.partition(".")
    return bool(name) and suffix == "svc.cluster.local" and namespace in namespaces
