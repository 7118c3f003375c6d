"""What a ztunnel makes of an AuthorizationPolicy: it reads connections, and no requests.

Sources: istio.io/latest/docs/ambient/usage/l4-policy; istiod's conversion (pilot/pkg/serviceregistry/ambient): a rule
of an ALLOW policy that asks for anything of a request allows nothing, one of a DENY policy denies without that
condition.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshlint.view.security import AuthorizationPolicy, Operation, PolicyRule, Source

if TYPE_CHECKING:
    from meshlint.view.fields import Json

CONNECTION_CONDITIONS = frozenset(
    {"source.ip", "source.namespace", "source.principal", "destination.ip", "destination.port"}
)

_OF_REQUESTS = frozenset(
    {
        "hosts", "notHosts", "methods", "notMethods", "paths", "notPaths", "remoteIpBlocks", "notRemoteIpBlocks",
        "requestPrincipals", "notRequestPrincipals",
    }
)  # fmt: skip


def reads_requests(rule: PolicyRule) -> bool:
    """Whether a rule asks for something that only a proxy which reads requests knows."""
    parts = [part.raw for part in (*rule.sources, *rule.operations)]
    return any(raw.get(name) for raw in parts for name in _OF_REQUESTS) or any(
        condition.key not in CONNECTION_CONDITIONS for condition in rule.conditions
    )


def at_ztunnel(policy: AuthorizationPolicy) -> AuthorizationPolicy:
    """A policy as a ztunnel enforces it."""
    if not any(map(reads_requests, policy.rules)):
        return policy
    if policy.action == "DENY":
        return replace(policy, rules=[_without_requests(rule) for rule in policy.rules])
    return replace(policy, rules=[rule for rule in policy.rules if not reads_requests(rule)])


def _without_requests(rule: PolicyRule) -> PolicyRule:
    return replace(
        rule,
        sources=[Source(source.path, _kept(source.raw)) for source in rule.sources],
        operations=[Operation(operation.path, _kept(operation.raw)) for operation in rule.operations],
        conditions=[condition for condition in rule.conditions if condition.key in CONNECTION_CONDITIONS],
    )


def _kept(raw: Json) -> Json:
    return {name: value for name, value in raw.items() if name not in _OF_REQUESTS}
