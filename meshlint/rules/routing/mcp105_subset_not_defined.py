"""A route to a subset that no DestinationRule defines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, Unseen, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP105",
    ERROR,
    "A route to a subset that no DestinationRule defines",
    symptoms=("503 with flag NC or NR", "canary gets no traffic", "a path answers 503"),
    why="""
The cluster of the subset does not exist, so every request on the route is answered with 503. The DestinationRule has
to be there before the route: apply it first, and remove it last.
""",
    bad="""
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
  - match: [{headers: {end-user: {exact: tester}}}]
    route: [{destination: {host: web, subset: v2}}]
  - route: [{destination: {host: web, subset: v1}}]
""",
    good="""
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
  - match: [{headers: {end-user: {exact: tester}}}]
    route: [{destination: {host: web, subset: v2}}]
  - route: [{destination: {host: web, subset: v1}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0101/",),
    needs=("DestinationRule",),
)
def check(mesh: MeshView) -> Hits:
    defined: dict[str, set[str]] = {
        host: {subset.name for rule_ in rules for subset in rule_.subsets}
        for host, rules in mesh.destination_rules_by_host.items()
    }
    for owner in mesh.virtual_services:
        targets = [target for route in owner.http for target in (*route.destinations, *route.mirrors)]
        for target in (*targets, *owner.layer4):
            known = defined.get(target.fqdn, set())
            if target.subset and not _rules_in_sight(mesh, target.fqdn):
                yield Unseen(owner.obj, f"DestinationRule for {target.fqdn}, and no Service of that name")
            elif target.subset and target.subset not in known:
                there = f"; it has {', '.join(sorted(known))}" if known else ""
                problem = f"is {target.subset!r}, which no DestinationRule for {target.fqdn} defines{there}"
                yield Hit(owner.obj, (*target.path, "subset"), problem, "define the subset, or correct its name")


def _rules_in_sight(mesh: MeshView, host: str) -> bool:
    """Whether the rules of a host would be among the objects, as its Service is, or one of them."""
    whole = mesh.environment.whole_mesh
    return whole or host in mesh.destination_rules_by_host or mesh.knows_host(host)
