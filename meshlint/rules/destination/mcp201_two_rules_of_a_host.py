"""Two DestinationRules with a traffic policy for one host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import DestinationRule


@rule(
    "MCP201",
    ERROR,
    "Two DestinationRules with a traffic policy for one host",
    symptoms=("affinity does not hold", "a setting has no effect", "circuit breaker never opens"),
    why="""
istiod keeps the top-level traffic policy of the oldest rule and drops that of the others; only subsets are put
together. Nothing reports it. Rules that carry subsets alone are fine beside one that carries the policy.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web-breaker, namespace: shop}
spec:
  host: web.shop.svc.cluster.local
  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy:
    connectionPool: {tcp: {connectTimeout: 3s}}
    outlierDetection: {consecutive5xxErrors: 5}
""",
    sources=("https://github.com/istio/istio/blob/master/pilot/pkg/model/destination_rule.go",),
)
def check(mesh: MeshView) -> Hits:
    for host, rules in mesh.destination_rules_by_host.items():
        with_policy = [rule_ for rule_ in rules if rule_.policy]
        for loser in with_policy[1:]:
            winner = with_policy[0]
            if loser.selector != winner.selector or _apart(winner, loser):
                continue
            problem = f"is dropped: {winner.obj.key} has a traffic policy for {host} too, and the older rule's counts"
            yield Hit(loser.obj, ("spec", "trafficPolicy"), problem, "merge both into one DestinationRule")
        yield from _subsets(rules)


def _apart(left: DestinationRule, right: DestinationRule) -> bool:
    """Whether no namespace sees both."""
    if left.obj.namespace == right.obj.namespace:
        return False
    return any(
        "exportTo" in rule_.obj.spec and "*" not in strings(rule_.obj.spec, "exportTo") for rule_ in (left, right)
    )


def _subsets(rules: list[DestinationRule]) -> Hits:
    seen: dict[tuple[str, tuple[tuple[str, str], ...]], DestinationRule] = {}
    for rule_ in rules:
        for subset in rule_.subsets:
            first = seen.setdefault((subset.name, rule_.selector), rule_)
            if first is not rule_ and not _apart(first, rule_):
                problem = f"is {subset.name!r}, which {first.obj.key} defines too; only the older definition counts"
                yield Hit(rule_.obj, (*subset.path, "name"), problem, "define each subset in one rule")
