"""Headers that proxies write from the claims of verified tokens. What a client sends under such a name is dropped.

https://istio.io/latest/docs/reference/config/security/jwt/#ClaimToHeader
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.fields import elements, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshlint.view.mesh import MeshView
    from meshlint.view.security import JwtRule


def claims_by_header(rules: Iterable[JwtRule]) -> dict[str, str]:
    """Header, in lower case -> the claim that is written into it."""
    entries = (entry for rule in rules for entry in elements(rule.raw, "outputClaimToHeaders"))
    return {text(entry, "header").lower(): text(entry, "claim") for entry in entries}


def written_at(mesh: MeshView, gateways: Iterable[str]) -> frozenset[str] | None:
    """Headers that each of these gateways, NAMESPACE/NAME, writes from claims; None where a gateway is not in sight, or
    nothing that verifies tokens there."""
    at_each = [mesh.once(("headers from claims", key), lambda key=key: _of_gateway(mesh, key)) for key in gateways]
    known = [found for found in at_each if found is not None]
    if len(known) < len(at_each):
        return None
    return frozenset(name for found in known for name in found if all(name in other for other in known))


def _of_gateway(mesh: MeshView, key: str) -> dict[str, str] | None:
    gateway = mesh.gateway_by_key.get(key)
    if gateway is None:
        return None
    rules = [
        rule
        for home in dict.fromkeys((mesh.root_namespace, gateway.obj.namespace))
        for authentication in mesh.authentications_near(home, gateway.selector)
        for rule in authentication.rules
    ]
    return claims_by_header(rules) if rules else None
