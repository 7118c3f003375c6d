"""Tokens: who issues them, for what, and what they must contain. MCP authorization, 2025-11-25 and 2026-07-28; RFC
9728. What becomes of a declaration, and where each 401 and 403 comes from: `mesh.objects.auth`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from chatgpt_mesh.mesh.specs import calls
from chatgpt_mesh.mesh.specs.calls import TOOL_NAME, AnonymousSpec, BodySize
from chatgpt_mesh.mesh.specs.key_set import KeySet
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HeaderName, HttpsUrl, Many, Spec
from chatgpt_mesh.mesh.specs.words import ClaimName, ClaimValue, Line, Scope, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.mcp import Era


SCOPE_CLAIMS = ("scope", "scp")
"""Claims that issuers write scopes into: RFC 9068, section 2.2.3; Entra ID and Okta."""


ScopeClaim = Literal["scope", "scp", "either"]


SUBJECT_HEADER = "x-mcp-sub"
"""Where an app finds the verified subject, unless it says another."""

EXPIRY_HEADER = "x-mcp-exp"
"""Where routes, and apps, find when a verified token ends, in seconds since 1970."""


class IssuerSpec(Spec):
    """An authorization server whose tokens are accepted. Exactly one of jwks and jwks_uri."""

    issuer: HttpsUrl
    """The claim `iss`, character by character."""
    jwks: KeySet | None = None
    """Its public keys as JSON text. They are in force at once and stay when the issuer is down; renew them with the
    stack."""
    jwks_uri: HttpsUrl | None = None
    """Where istiod fetches the keys. While it does not answer, every policy change waits for it."""
    audiences: Many[ClaimValue] = ()
    """Accepted values of `aud`, compared exactly. Default, also of an empty list: the resource URI, https://HOST/PATH,
    as MCP demands."""
    audience_claim: Literal["aud", "client_id", "azp", "cid", "appid"] = "aud"
    """Claim whose values `audiences` lists. Another than `aud` is for an issuer that writes none: client_id (Cognito),
    azp (Keycloak), cid (Okta) and appid (Entra ID) name the client that a token was issued to. It has no default, since
    a token that nothing binds to this app may be anybody's; and a token that has an `aud` after all was made for
    another service and is refused (RFC 9068, section 4)."""
    authorization_server: HttpsUrl | None = None
    """What the resource metadata names. Default: the issuer."""
    scopes: Many[Scope] | None = None
    """Scopes that its tokens need in place of those of `auth`; an empty list asks for none, and the resource metadata
    name none for it. Default: those of `auth`."""
    scope_claim: ScopeClaim | None = None
    """Claim that carries the scopes of its tokens. Default: that of `auth`."""
    scope_prefix: Scope | None = None
    """What clients put in front of a scope when they ask for it, where the token has the short name alone, such as
    api://APPLICATION/ (Entra ID). Resource metadata and challenges name the long form; tokens are compared with the
    short one."""
    claims: dict[ClaimName, Many[ClaimValue]] | None = None
    """Claims that its tokens need in place of those of `auth`; an empty mapping asks for none. Default: those of
    `auth`."""
    forward_token: bool = True
    """Leave the token in the request, for an app that checks it too. The same for all apps that share an issuer and a
    gateway."""


class TokenRule(NamedTuple):
    """What the tokens of one issuer need beside their audience."""

    claims: tuple[tuple[str, tuple[str, ...]], ...]
    """Each with the values of which it must be, or contain, one."""
    scopes: tuple[str, ...]
    scope_claims: tuple[str, ...]
    """The claims of which one must name a scope."""
    scope_prefix: str

    def as_asked(self, scopes: Iterable[str]) -> tuple[str, ...]:
        """Scopes by the names by which clients ask for them."""
        return tuple(f"{self.scope_prefix}{scope}" for scope in scopes)


class ToolRuleSpec(Spec):
    """What a token needs for one tool."""

    scope: Scope
    """Scope that a call of this tool needs."""


class AuthSpec(Spec):
    """Tokens that an app asks for at the gateways."""

    issuers: Many[IssuerSpec]
    """Authorization servers."""
    scopes: Many[Scope] = ()
    """Scopes that every token needs, but for issuers with their own; without them 403 with insufficient_scope."""
    scope_claim: ScopeClaim = "scope"
    """Claim that carries a token's scopes, as one text with blanks or as a list: scope (RFC 9068), scp (Entra ID,
    Okta), or either, for issuers of both kinds. Each scope is compared as a whole word, since one that begins alike is
    another right."""
    claims: dict[ClaimName, Many[ClaimValue]] = {}
    """Claims that every token needs, but for issuers with their own; each with the values of which it must be, or
    contain, one; otherwise 403. In scope and scp, texts with blanks count as lists."""
    tools: dict[str, ToolRuleSpec] = {}
    """Scopes by tool name."""
    tools_from: Literal["header", "body"] = "body"
    """Where a request says which tool it calls, for tools and anonymous. body: in every era. Two readers may take one
    body for two calls, so what is no plain message is refused with 400: a batch, a doubled key, another charset, a
    compressed body. header: requests of the modern era, which servers refuse where the body says something else; with
    era both, a client of an older protocol needs the scopes of all tools."""
    largest_call: BodySize = 262144
    """Bytes of a call that the gateway holds and reads, with tools_from body, from 1024 to 1048576; a longer one is
    refused. More costs memory and time of the gateway for each call under way."""
    anonymous: AnonymousSpec | None = None
    """Calls that pass without a token. Default: none."""
    deny_subjects: Many[Subject] = ()
    """Subjects that are refused with 403, whatever their token says."""
    require_expiry: bool = True
    """Refuse tokens without `exp`, which would be valid for ever."""
    subject_header: HeaderName = SUBJECT_HEADER
    """Header in which the app gets the verified subject; what a client sends under this name is dropped."""
    resource_name: Line | None = None
    """Name for people, in the resource metadata."""
    resource_documentation: HttpsUrl | None = None
    """Page for developers, in the resource metadata."""
    realm: DnsLabel | None = None
    """Realm of the challenge. Default: none."""

    @property
    def reads_calls(self) -> bool:
        """Whether something depends on what a body calls."""
        return self.tools_from == "body" and (bool(self.tools) or self.anonymous is not None)

    def rule(self, issuer: IssuerSpec) -> TokenRule:
        """What the tokens of one of its issuers need."""
        claims = self.claims if issuer.claims is None else issuer.claims
        scope_claim = issuer.scope_claim or self.scope_claim
        return TokenRule(
            claims=tuple(claims.items()),
            scopes=self.scopes if issuer.scopes is None else issuer.scopes,
            scope_claims=SCOPE_CLAIMS if scope_claim == "either" else (scope_claim,),
            scope_prefix=issuer.scope_prefix or "",
        )

    @property
    def rules(self) -> tuple[TokenRule, ...]:
        """The rules of its issuers, each once."""
        return tuple(dict.fromkeys(self.rule(issuer) for issuer in self.issuers))


def problems(
    path: str, auth: AuthSpec, *, exposed: bool, asks: bool, era: Era | None, flagger: bool
) -> Iterator[Problem]:
    """`exposed`: the app is on a gateway. `asks`: some path of it asks for tokens. `era`: that of its MCP endpoint, if
    it has one. `flagger`: that makes its routes."""
    if not exposed:
        yield Problem(
            path, "tokens are checked at a gateway, and this app is on none; give it host and gateway, or remove auth"
        )
    elif not asks:
        yield Problem(
            path,
            "is asked for by no path: every route answers itself or says auth: none; remove auth, or let a route "
            "require it",
        )
    if not auth.issuers:
        yield Problem(f"{path}.issuers", "is empty; list at least one issuer")
    if auth.subject_header == EXPIRY_HEADER:
        message = "is where a token's end is written; choose another name"
        yield Problem(f"{path}.subject_header", message, auth.subject_header)
    seen: dict[str, int] = {}
    for index, issuer in enumerate(auth.issuers):
        if (issuer.jwks is None) == (issuer.jwks_uri is None):
            yield Problem(f"{path}.issuers.{index}", "needs exactly one of jwks, jwks_uri and jwks_file", issuer.issuer)
        if issuer.audience_claim != "aud" and not issuer.audiences:
            yield Problem(
                f"{path}.issuers.{index}.audiences",
                f"is empty, and without `aud` nothing says that a token is for this app; list the values of "
                f"{issuer.audience_claim} that are accepted, or remove audience_claim",
            )
        if seen.setdefault(issuer.issuer, index) != index:
            yield Problem(
                f"{path}.issuers.{index}.issuer",
                f"issuers.{seen[issuer.issuer]} is the same; join them",
                issuer.issuer,
            )
        if issuer.scope_prefix is not None and not (auth.rule(issuer).scopes or auth.tools):
            yield Problem(
                f"{path}.issuers.{index}.scope_prefix",
                "stands before no scope; declare scopes or tools, or remove it",
                issuer.scope_prefix,
            )
        yield from _claim_problems(f"{path}.issuers.{index}.claims", issuer.claims or {})
    yield from _claim_problems(f"{path}.claims", auth.claims)
    if auth.tools:
        yield from _tool_problems(f"{path}.tools", auth, era)
    from_body = auth.tools_from == "body"
    if auth.anonymous is not None:
        yield from calls.problems(
            f"{path}.anonymous", auth.anonymous, guarded=auth.tools, mcp=era is not None, from_body=from_body
        )
    elif from_body and not auth.tools and "tools_from" in auth.model_fields_set:
        yield Problem(f"{path}.tools_from", "reads for nothing; declare tools or anonymous, or remove it", "body")
    for field in ("tools", "anonymous", "tools_from"):
        if flagger and getattr(auth, field) and field in auth.model_fields_set:
            yield Problem(
                f"{path}.{field}",
                "is decided by routes, and flagger makes them for this host without; let the app ask for the scopes of "
                "its tools, and remove it",
            )


def _claim_problems(path: str, claims: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    for claim, values in claims.items():
        if claim in ("iss", "aud"):
            yield Problem(f"{path}.{claim}", "is matched by issuers already; declare it there", claim)
        if not values:
            yield Problem(f"{path}.{claim}", "is empty; list the values that are accepted")


def _tool_problems(path: str, auth: AuthSpec, era: Era | None) -> Iterator[Problem]:
    if era is None:
        yield Problem(path, "tools belong to MCP, and this app has no mcp")
    elif era == "legacy" and auth.tools_from == "header":
        yield Problem(
            path,
            "the legacy era names the tool only in the body; read it there (remove auth.tools_from), use mcp.era "
            "modern or both, "
            "or ask for the scope of every request with auth.scopes",
        )
    for name in auth.tools:
        if not TOOL_NAME.fullmatch(name):
            yield Problem(f"{path}.{name}", "is no tool name: 1 to 128 letters, digits, '_', '-' and '.'", name)


class IssuerUse(NamedTuple):
    """An issuer of one app at one gateway."""

    path: str
    gateway: str
    issuer: IssuerSpec


def gateway_problems(uses: Iterable[IssuerUse]) -> Iterator[Problem]:
    """A gateway verifies the tokens of all its apps with one set of issuers, so they must not contradict each other."""
    first: dict[tuple[str, str], IssuerUse] = {}
    for use in uses:
        other = first.setdefault((use.gateway, use.issuer.issuer), use)
        for field in ("jwks", "jwks_uri", "forward_token"):
            if getattr(use.issuer, field) != getattr(other.issuer, field):
                yield Problem(
                    f"{use.path}.{field}",
                    f"differs from {other.path}, and gateway {use.gateway} verifies this issuer for "
                    "both; make them the same",
                    use.issuer.issuer,
                )
