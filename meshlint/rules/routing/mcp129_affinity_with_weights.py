"""Session affinity together with a weighted split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import DestinationRule


@rule(
    "MCP129",
    ERROR,
    "Session affinity together with a weighted split",
    symptoms=("MCP sessions get lost", "affinity does not hold"),
    why="""
A weighted route rolls the dice for every request, before the load balancer of the chosen subset hashes anything: one
session meets both versions. A stateful MCP server behind 95/5 lost 4 to 7 of 32 client runs, behind 50/50 24 of 32.
Pin the user to a version by a match, or make the server stateless.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: user, ttl: 0s}}}}
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route:
    - {destination: {host: web, subset: v1}, weight: 95}
    - {destination: {host: web, subset: v2}, weight: 5}
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
  - route:
    - {destination: {host: web, subset: v1}, weight: 95}
    - {destination: {host: web, subset: v2}, weight: 5}
""",
    sources=("https://github.com/istio/istio/issues/9764",),
)
def check(mesh: MeshView) -> Hits:
    hashing: dict[str, DestinationRule] = {}
    for host, rules in mesh.destination_rules_by_host.items():
        for rule_ in rules:
            if any(mapping(policy, "loadBalancer", "consistentHash") for _, policy in rule_.policies()):
                hashing.setdefault(host, rule_)
    for route in mesh.http_routes:
        if not route.is_weighted:
            continue
        affine = next((hashing[target.fqdn] for target in route.destinations if target.fqdn in hashing), None)
        if affine is not None:
            problem = f"splits by weight while {affine.obj.key} asks for consistentHash, so one session meets both"
            mend = "pin sessions by a match, or remove consistentHash and keep no state in the server"
            yield Hit(route.obj, (*route.path, "route"), problem, mend)
