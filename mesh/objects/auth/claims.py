"""Verified claims of a token, as routes match them: only gateways know them, and they are compared exactly.

https://istio.io/latest/docs/tasks/security/authentication/jwt-route/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest
from chatgpt_mesh.mesh.objects.auth.protected_resource import resource_uri
from chatgpt_mesh.mesh.objects.matches import PRESENT, exact, one_of, regex, with_headers
from chatgpt_mesh.mesh.specs.auth import EXPIRY_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.auth import AuthSpec, TokenRule


def claim(name: str) -> str:
    """The key by which a route matches a claim. Brackets, since a claim's name may hold dots."""
    return f"@request.auth.claims[{name}]"


ANY_AUDIENCE = {claim("aud"): regex(".*")}


ENDS = {EXPIRY_HEADER: regex("[1-9].*")}
"""Taken by tokens that end. Istio compares claims as text, and `exp` is a number, so the gateway writes it into a
header, where nobody else can: what a client sends under the name is dropped. 0 would be no end to Envoy."""


def token_matches(app: AppSpec, auth: AuthSpec, host: str, *, ending: bool) -> tuple[HTTPMatchRequest, ...]:
    """Matches of which one takes a good token, on any path: its issuer, its audience, and some subject.

    The issuer is matched together with the audience because a gateway knows the issuers of all its apps. Issuers of
    whom the same is asked share a match, since Envoy looks at one after the other for every request. Where another
    claim stands for the audience, a token that has one is somebody else's.

    Args:
        ending: Whether it must have an end.
    """
    return tuple(
        HTTPMatchRequest(
            headers={
                claim("iss"): one_of(issuers),
                claim(wanted.audience_claim): one_of(wanted.audiences or (resource_uri(app, host),)),
                claim("sub"): regex(".+"),
                **(ENDS if ending else {}),
            },
            without_headers={} if wanted.audience_claim == "aud" else ANY_AUDIENCE,
        )
        for wanted, issuers in _alike(auth).items()
    )


class _Wanted(NamedTuple):
    """What is asked of a token, of whichever issuer."""

    audience_claim: str
    audiences: tuple[str, ...]
    rule: TokenRule


def _alike(auth: AuthSpec) -> Mapping[_Wanted, Sequence[str]]:
    """Issuers by what is asked of their tokens."""
    found: dict[_Wanted, list[str]] = {}
    for issuer in auth.issuers:
        wanted = _Wanted(issuer.audience_claim, tuple(issuer.audiences), auth.rule(issuer))
        found.setdefault(wanted, []).append(issuer.issuer)
    return found


def no_token(match: HTTPMatchRequest) -> HTTPMatchRequest:
    """Taken by requests that came without a token. The header alone does not say so: of an issuer whose tokens are not
    forwarded (`forward_token: false`), the proxy takes it off before it routes, and leaves what it has verified."""
    return with_headers(match, {}, {"authorization": PRESENT, claim("iss"): regex(".+")})


def by_rule(matches: Iterable[HTTPMatchRequest], auth: AuthSpec) -> Iterable[tuple[TokenRule, list[HTTPMatchRequest]]]:
    """Matches of good tokens by what the tokens of their issuers need."""
    rules = {one_of(issuers): wanted.rule for wanted, issuers in _alike(auth).items()}
    found: dict[TokenRule, list[HTTPMatchRequest]] = {}
    for match in matches:
        found.setdefault(rules[match.headers[claim("iss")]], []).append(match)
    return found.items()


def without_scope(match: HTTPMatchRequest, rule: TokenRule, scope: str) -> HTTPMatchRequest:
    """Taken by tokens in which none of the scope claims has the scope as one of its words."""
    return with_headers(match, {}, {claim(name): exact(scope) for name in rule.scope_claims})


def split_at_blanks(app: AppSpec, rule: TokenRule) -> frozenset[str]:
    """Claims that the routes compare word by word and that Istio would compare as one text: it splits `scope` alone."""
    experiments = app.rollout.experiments.values() if app.rollout is not None else ()
    compared = {*rule.scope_claims, *dict(rule.claims), *(e.claim.name for e in experiments if e.claim is not None)}
    return frozenset(compared & {"scp"})
