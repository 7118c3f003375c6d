"""A request in the making: what one match, one rule or one value asks of it, laid over what another asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from meshlint.reachability.request import INTERNET, Request, Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Dimension = tuple[str, str]
"""(kind, name): the kinds are `caller`, `port`, `gateway`, `path`, `method`, `header`, `query`, `token`, `claim`,
`call` and `certificate`; names are those of headers, query parameters and claims."""

Draft = dict[Dimension, str | None]
"""Values by dimension; None: without it."""

CALLER: Dimension = ("caller", "")
PORT: Dimension = ("port", "")
GATEWAY: Dimension = ("gateway", "")
PATH: Dimension = ("path", "")
METHOD: Dimension = ("method", "")
TOKEN: Dimension = ("token", "")
CALL: Dimension = ("call", "")
CERTIFICATE: Dimension = ("certificate", "")

NO_TOKEN, FORGED, GOOD = "none", "forged", "good"


def header(name: str) -> Dimension:
    return ("header", name.lower())


def claim(name: str) -> Dimension:
    """Nested claims are named `a][b`."""
    return ("claim", name)


def request_of(host: str, draft: Mapping[Dimension, str | None]) -> Request:
    """The request that a draft describes."""
    path = draft.get(PATH) or "/"
    query = "&".join(
        f"{name}={value}" for (kind, name), value in draft.items() if kind == "query" and value is not None
    )
    caller = draft.get(CALLER) or INTERNET
    return Request(
        caller,
        host,
        f"{path}?{query}" if query else path,
        draft.get(METHOD) or "GET",
        int(draft.get(PORT) or 443),
        _token(draft) if caller == INTERNET else None,
        {name: value for (kind, name), value in draft.items() if kind == "header" and value is not None},
        draft.get(CALL, "ping") or "",
        draft.get(GATEWAY) or "",
        draft.get(CERTIFICATE) == "shown",
    )


def _token(draft: Mapping[Dimension, str | None]) -> Token | None:
    kind = draft.get(TOKEN, GOOD)
    if kind == NO_TOKEN or draft.get(claim("iss")) is None:
        return None
    claims: dict[str, object] = {}
    for (of, name), value in draft.items():
        # Without a word about it a token ends some day (`Token`).
        if of != "claim" or (value is None and name != "exp"):
            continue
        *outer, last = name.split("][")
        inner = claims
        for part in outer:
            inner = cast("dict[str, object]", inner.setdefault(part, {}))
        inner[last] = value
    return Token(claims, genuine=kind != FORGED)


def laid_over(below: Draft, above: Draft) -> Draft:
    return {**below, **above}


def one_at_a_time(choices: Mapping[Dimension, list[str | None]]) -> Iterator[Draft]:
    """The first value of each dimension together, and each other value in its place."""
    first = {dimension: values[0] for dimension, values in choices.items() if values}
    yield first
    for dimension, values in choices.items():
        for value in values[1:]:
            yield {**first, dimension: value}


def distinct(drafts: Iterable[Draft]) -> list[Draft]:
    """Each draft once, in the order of their first."""
    return list({frozenset(draft.items()): draft for draft in drafts}.values())
