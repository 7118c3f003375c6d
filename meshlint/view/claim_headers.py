"""Headers that proxies write from the claims of verified tokens. What a client sends under such a name is dropped.

https://istio.io/latest/docs/reference/config/security/jwt/#ClaimToHeader
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.fields import elements, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meshlint.view.mesh import MeshView
    from meshlint.view.security import JwtRule


def claims_by_header(rules: Iterable[JwtRule]) -> dict[str, str]:
    """Header, in lower case -> the claim that is written into it."""
    entries = (entry for rule in rules for entry in elements(rule.raw, "outputClaimToHeaders"))
    return {text(entry, "header").lower(): text(entry, "claim") for entry in entries}


def written_at(mesh: MeshView, gateways: Iterable[str]) -> frozenset[str] | None:
    """Headers that each of these gateways, NAMESPACE/NAME, writes from claims; None where a gateway is not in sight, or
    nothing that verifies tokens there."""
    rules = [list(_rules(mesh, key)) for key in gateways]
    if not all(rules):
        return None
    at_each = [claims_by_header(found) for found in rules]
    return frozenset(name for found in at_each for name in found if all(name in other for other in at_each))


def _rules(mesh: MeshView, key: str) -> Iterator[JwtRule]:
    gateway = mesh.gateway_by_key.get(key)
    if gateway is None:
        return
    for home in dict.fromkeys((mesh.root_namespace, gateway.obj.namespace)):
        for authentication in mesh.authentications_near(home, gateway.selector):
            yield from authentication.rules
