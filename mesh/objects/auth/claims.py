"""Verified claims of a token, as routes match them: only gateways know them, and they are compared exactly.

https://istio.io/latest/docs/tasks/security/authentication/jwt-route/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest
from chatgpt_mesh.mesh.objects.auth.protected_resource import resource_uri
from chatgpt_mesh.mesh.objects.matches import PRESENT, exact, regex, with_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec, TokenRule


def claim(name: str) -> str:
    """The key by which a route matches a claim. Brackets, since a claim's name may hold dots."""
    return f"@request.auth.claims[{name}]"


ANY_AUDIENCE = {claim("aud"): regex(".*")}


def token_matches(app: AppSpec, auth: AuthSpec, host: str) -> tuple[HTTPMatchRequest, ...]:
    """Matches of which one takes a good token, on any path: its issuer, its audience, and some subject.

    The issuer is matched together with the audience because a gateway knows the issuers of all its apps. Where another
    claim stands for the audience, a token that has one is somebody else's.
    """
    return tuple(
        HTTPMatchRequest(
            headers={
                claim("iss"): exact(issuer.issuer),
                claim(issuer.audience_claim): exact(audience),
                claim("sub"): regex(".+"),
            },
            without_headers={} if issuer.audience_claim == "aud" else ANY_AUDIENCE,
        )
        for issuer in auth.issuers
        for audience in issuer.audiences or (resource_uri(app, host),)
    )


def no_token(match: HTTPMatchRequest) -> HTTPMatchRequest:
    """Taken by requests that came without a token. The header alone does not say so: of an issuer whose tokens are not
    forwarded (`forward_token: false`), the proxy takes it off before it routes, and leaves what it has verified."""
    return with_headers(match, {}, {"authorization": PRESENT, claim("iss"): regex(".+")})


def by_rule(matches: Iterable[HTTPMatchRequest], auth: AuthSpec) -> Iterable[tuple[TokenRule, list[HTTPMatchRequest]]]:
    """Matches of good tokens by what the tokens of their issuers need."""
    rules = {issuer.issuer: auth.rule(issuer) for issuer in auth.issuers}
    found: dict[TokenRule, list[HTTPMatchRequest]] = {}
    for match in matches:
        found.setdefault(rules[match.headers[claim("iss")].exact or ""], []).append(match)
    return found.items()


def without_scope(match: HTTPMatchRequest, rule: TokenRule, scope: str) -> HTTPMatchRequest:
    """Taken by tokens in which none of the scope claims has the scope as one of its words."""
    return with_headers(match, {}, {claim(name): exact(scope) for name in rule.scope_claims})


def split_at_blanks(app: AppSpec, rule: TokenRule) -> frozenset[str]:
    """Claims that the routes compare word by word and that Istio would compare as one text: it splits `scope` alone."""
    experiments = app.rollout.experiments.values() if app.rollout is not None else ()
    compared = {*rule.scope_claims, *dict(rule.claims), *(e.claim.name for e in experiments if e.claim is not None)}
    return frozenset(compared & {"scp"})
