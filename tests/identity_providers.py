"""The pages about identity providers as cases: what each declares, tokens of that shape, and what has to come of them.

A page's `yaml part` is a declaration, the `json` after it the claims of a token that it lets through. What must not
pass is made from those claims, and from what the page says of tokens that people bring instead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.mesh.specs.auth import AuthSpec, IssuerSpec
from tests.documentation import ROOT, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

Claims = dict[str, Any]

RESOURCE = "https://chatgpt-mcp.example.com/mcp"
PROVIDERS = {"auth0", "cognito", "entra-id", "google", "keycloak", "okta", "workos"}
PAGES = ROOT / "docs" / "identity-providers"


@dataclass(frozen=True)
class Shape:
    """A token, and the status of a call with it."""

    name: str
    claims: Claims = field(hash=False)
    status: int


@dataclass(frozen=True)
class Declared:
    """One declaration of a page."""

    page: str
    line: int
    auth: AuthSpec
    claims: Claims = field(hash=False)
    """Of the token that passes, without the times of its making."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def shapes(self) -> list[Shape]:
        return [Shape("as on the page", self.claims, 200), *self._for_others(), *self._with_less(), *self._mistaken()]

    @property
    def _issuer(self) -> IssuerSpec:
        return next(one for one in self.auth.issuers if one.issuer == self.claims["iss"])

    def _for_others(self) -> Iterator[Shape]:
        bound = self._issuer.audience_claim
        yield Shape("for another server", {**self.claims, bound: "https://other.example.com/mcp"}, 401)
        yield Shape("for others, as a list", {**self.claims, bound: ["https://other.example.com/mcp", "b"]}, 401)
        yield Shape("for nobody", _without(self.claims, bound), 401)
        yield Shape("of nobody", _without(self.claims, "sub"), 401)
        yield Shape("of another issuer", {**self.claims, "iss": "https://issuer.example.net"}, 401)

    def _with_less(self) -> Iterator[Shape]:
        needed = self.auth.rule(self._issuer)
        [claim] = needed.scope_claims
        for scope in needed.scopes:
            yield Shape("without the scope", _replaced(self.claims, claim, scope, "email"), 403)
            yield Shape("with a longer scope", _replaced(self.claims, claim, scope, f"{scope}r"), 403)
            yield Shape("without any scope", _without(self.claims, claim), 403)
            if needed.scope_prefix:
                long_name = f"{needed.scope_prefix}{scope}"
                yield Shape("with the name that is asked for", _replaced(self.claims, claim, scope, long_name), 403)
        for name, _ in needed.claims:
            yield Shape(f"with another {name}", {**self.claims, name: "stranger@example.com"}, 403)
            yield Shape(f"without {name}", _without(self.claims, name), 403)

    def _mistaken(self) -> Iterator[Shape]:
        for name, change, status in MISTAKEN.get(self.page, ()):
            yield Shape(name, {**self.claims, **change}, status)
        if self.page == "cognito":
            yield from self._other_kind_of_cognito()

    def _other_kind_of_cognito(self) -> Iterator[Shape]:
        """Each of its declarations refuses the tokens of the other."""
        for other in declared():
            if other.page == self.page and other != self:
                yield Shape("of the other kind", other.claims, 401)


MISTAKEN: dict[str, tuple[tuple[str, Claims, int], ...]] = {
    "auth0": (("the issuer without its slash", {"iss": "https://acme.eu.auth0.com"}, 401),),
    "cognito": (("an ID token", {"aud": "4example5client", "token_use": "id", "client_id": None, "scope": None}, 401),),
    "entra-id": (
        ("for Microsoft Graph", {"aud": "00000003-0000-0000-c000-000000000000"}, 401),
        ("app-only: roles and no scp", {"scp": None, "roles": ["orders.use"]}, 403),
        ("the scope by its long name", {"scp": f"{RESOURCE}/orders.use"}, 403),
    ),
    "google": (("an ID token of a web page", {"aud": "1234-abc.apps.googleusercontent.com"}, 401),),
    "keycloak": (
        ("for account alone", {"aud": "account"}, 401),
        ("for the client that it was issued to", {"aud": "chatgpt"}, 401),
        ("a role instead of the scope", {"scope": "openid", "realm_access": {"roles": ["orders.use"]}}, 403),
    ),
    "okta": (
        ("of the org authorization server", {"iss": "https://acme.okta.com", "aud": "https://acme.okta.com"}, 401),
        ("of the default audience", {"aud": "api://default"}, 401),
        ("the scope in `scope`", {"scp": None, "scope": "openid orders.use"}, 403),
    ),
    "workos": (
        ("for the environment", {"aud": "client_01HXYZ"}, 401),
        ("of a session", {"iss": "https://api.workos.com/user_management/client_01HXYZ", "aud": None}, 401),
    ),
}
"""By page: what else it says does not work, as changes of the token that passes; None takes a claim away."""


def declared() -> list[Declared]:
    """Every declaration of the pages that a token follows, in their order."""
    found: list[Declared] = []
    for block, following in pairwise(block for block in blocks() if block.page.parent == PAGES):
        if block.kind == "yaml part" and following.kind == "json" and block.page == following.page:
            app = yaml.safe_load(block.text)["config"]["chatgpt-mesh:apps"]["chatgpt-mcp"]
            found.append(
                Declared(block.page.stem, block.line, AuthSpec.model_validate(app["auth"]), json.loads(following.text))
            )
    return found


def _without(claims: Claims, name: str) -> Claims:
    return {**claims, name: None}


def _replaced(claims: Claims, name: str, word: str, other: str) -> Claims:
    """One word of a text with blanks, or of a list, by another."""
    given = claims.get(name, "")
    if isinstance(given, str):
        return {**claims, name: " ".join(other if one == word else one for one in given.split(" "))}
    return {**claims, name: [other if one == word else one for one in given]}
