"""A subset that no route names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP212",
    INFO,
    "A subset that no route names",
    symptoms=("canary gets no traffic", "a setting has no effect"),
    why="""
A subset gets requests only from routes that name it. One that nobody names is a cluster in every proxy and a trap for
the reader: its policy applies to nothing.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web, subset: v1}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web, subset: v1}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset",),
    needs=("VirtualService",),
)
def check(mesh: MeshView) -> Hits:
    used: set[tuple[str, str]] = set()
    routed: set[str] = set()
    for owner in mesh.virtual_services:
        targets = [target for route in owner.http for target in (*route.destinations, *route.mirrors)]
        for target in (*targets, *owner.layer4):
            used.add((target.fqdn, target.subset))
            routed.add(target.fqdn)
    for rule_ in mesh.destination_rules:
        for subset in rule_.subsets:
            if rule_.fqdn in routed and (rule_.fqdn, subset.name) not in used:
                problem = f"is {subset.name!r}, which no route names"
                yield Hit(rule_.obj, (*subset.path, "name"), problem, "route to it, or remove it")
