"""Which hosts ask for tokens, and which are open beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import VirtualService
    from meshlint.view.security import AuthorizationPolicy


def is_open_beside_others(mesh: MeshView, service: VirtualService) -> bool:
    """Whether nothing asks for a token at these hosts, while something does at others: open on purpose, it may be."""
    if service.looks_at_claims:
        return False
    asked: set[str] = set()
    for policy in mesh.authorization_policies:
        if _demands_token(policy):
            named = {host.removesuffix(":*") for host in _hosts(policy)}
            if not named or not named.isdisjoint(service.fqdns):
                return False
            asked |= named
    return bool(asked) or mesh.routes_by_claim or _shares_its_gateway(mesh, service)


def _shares_its_gateway(mesh: MeshView, service: VirtualService) -> bool:
    """Whether its gateway lets a namespace serve hosts of which no route is in sight: others', which may ask."""
    seen = {other.obj.namespace for other in mesh.virtual_services}
    return any(
        namespace not in ("*", ".", *seen)
        for key in service.gateways
        if key in mesh.gateway_by_key
        for server in mesh.gateway_by_key[key].servers
        for namespace, _ in server.hosts
    )


def _demands_token(policy: AuthorizationPolicy) -> bool:
    if policy.action == "ALLOW":
        return any(rule_.needs_token for rule_ in policy.rules)
    return policy.action == "DENY" and any(
        strings(source.raw, "notRequestPrincipals") for rule_ in policy.rules for source in rule_.sources
    )


def _hosts(policy: AuthorizationPolicy) -> list[str]:
    return [
        host for rule_ in policy.rules for operation in rule_.operations for host in strings(operation.raw, "hosts")
    ]
