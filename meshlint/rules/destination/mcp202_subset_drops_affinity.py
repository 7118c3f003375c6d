"""A subset's load balancer replaces the affinity of its rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP202",
    ERROR,
    "A subset's load balancer replaces the affinity of its rule",
    symptoms=("affinity does not hold", "MCP sessions get lost"),
    why="""
A subset's `loadBalancer` replaces the whole one of the rule: with `simple: ROUND_ROBIN` in the subset, nothing hashes
any more on routes that name it. The route still carries a hash policy, which is why it looks right in a config dump.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: user, ttl: 0s}}}}
  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: user, ttl: 0s}}}}
  subsets:
  - {name: v1, labels: {version: v1}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        if not mapping(rule_.policy, "loadBalancer", "consistentHash"):
            continue
        for subset in rule_.subsets:
            own = mapping(subset.policy, "loadBalancer")
            if own and "consistentHash" not in own:
                where = (*subset.path, "trafficPolicy", "loadBalancer")
                problem = "replaces the consistentHash of spec.trafficPolicy, so this subset has no affinity"
                yield Hit(rule_.obj, where, problem, "remove it from the subset, or repeat consistentHash in it")
