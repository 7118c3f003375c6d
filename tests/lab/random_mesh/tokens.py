"""Tokens for one app at one host: the one that it takes, and others that are each wrong in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jwt

from chatgpt_mesh.mesh.objects.auth.protected_resource import resource_uri
from lab.workloads.tokens import Keys, Sort, mint
from meshlint.reachability.request import Token
from tests.unit.random_stacks.access import ISSUERS as DECLARED

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec

ISSUERS = tuple(str(issuer["issuer"]) for issuer in DECLARED)
"""Every issuer that a random stack may name."""

WRONG = (
    "wrong audience",
    "audience with a slash",
    "foreign issuer",
    "foreign key",
    "issuer of another app",
    "expired",
    "without subject",
    "without scope",
    "without claim",
    "wrong claim",
    "denied subject",
)


class Bearer(NamedTuple):
    """A token as it is sent, and as the checker is told of it."""

    text: str
    told: Token


def token(keys: Keys, app: AppSpec, host: str, kind: str, choice: random.Random) -> Bearer:
    """A token of a kind: `valid`, or one of `WRONG`. What an app does not ask for cannot be wrong, and stays right."""
    auth = app.auth
    if auth is None:
        return _bearer(mint(keys, issuer=choice.choice(ISSUERS), audience=resource_uri(app, host)))
    issuer = choice.choice(auth.issuers)
    needed = auth.rule(issuer)
    scopes = [*needed.scopes, *(rule.scope for rule in auth.tools.values())]
    claims: dict[str, Any] = {name: choice.choice(values) for name, values in needed.claims}
    name = issuer.issuer
    audience = choice.choice(issuer.audiences or (resource_uri(app, host),))
    subject = "user-1"
    match kind:
        case "issuer of another app":
            name = next((other for other in ISSUERS if other not in {i.issuer for i in auth.issuers}), name)
        case "without scope" if scopes:
            scopes.remove(choice.choice(scopes))
        case "without claim" if claims:
            claims.popitem()
        case "wrong claim" if claims:
            claims[choice.choice(list(claims))] = "copper"
        case "denied subject" if auth.deny_subjects:
            subject = choice.choice(auth.deny_subjects)
        case _:
            pass
    sort = _SORTS.get(kind, Sort.VALID)
    if issuer.audience_claim != "aud":
        wrong = sort in (Sort.WRONG_AUDIENCE, Sort.AUDIENCE_SLASH)
        sort, claims = Sort.VALID if wrong else sort, {**claims, "aud": None, issuer.audience_claim: audience}
        if wrong:
            claims[issuer.audience_claim] = f"{audience}/"
    if scopes:
        claims |= _scopes(scopes, choice.choice(needed.scope_claims), claims, choice)
    text = mint(keys, sort, issuer=name, audience=audience, subject=subject, **claims)
    return _bearer(text, genuine=sort not in (Sort.EXPIRED, Sort.FOREIGN_KEY))


def _scopes(scopes: list[str], claim: str, claims: Mapping[str, Any], choice: random.Random) -> dict[str, Any]:
    """The claim that carries scopes, as a text with blanks or as a list, beside what else an app wants in it."""
    words = [*scopes, *([claims[claim]] if claim in claims else [])]
    return {claim: words if choice.random() < 0.5 else " ".join(words)}


_SORTS = {
    "wrong audience": Sort.WRONG_AUDIENCE,
    "audience with a slash": Sort.AUDIENCE_SLASH,
    "foreign issuer": Sort.FOREIGN_ISSUER,
    "foreign key": Sort.FOREIGN_KEY,
    "expired": Sort.EXPIRED,
    "without subject": Sort.NO_SUBJECT,
}


def _bearer(text: str, *, genuine: bool = True) -> Bearer:
    return Bearer(text, Token(jwt.decode(text, options={"verify_signature": False}), genuine))
