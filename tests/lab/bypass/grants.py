"""Tokens that are good and grant less than is needed: another scope, another claim, or nearly the right one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.lab.bypass.attempt import EXECUTE, ROLE, USE, Attempt

if TYPE_CHECKING:
    from collections.abc import Iterator


def _nearly(word: str) -> tuple[str, ...]:
    """What is not the word, though somebody could read it as that."""
    first, _, last = word.partition(".")
    found = (
        *("", word[:-1], f"{word}s", f"{word}2", f"x{word}", word.upper(), word.title(), first, last or "x"),
        *(f"{first}.*", f"{first}.", "*", f"{word}/", f"{word}.x", f"{word}:x", f"{word}*", f"-{word}", f"!{word}"),
        *(f'"{word}"', f"'{word}'", f"{word};x", f"{word},x", f"{word}\tx", f"{word}\nx", f"{word}\u00a0x"),
        *(
            f"{word}\u200b",
            f"{word}\x00",
            f"{word}+x",
            f"{word}|x",
            word.replace("e", "\u0435"),
            word.replace("e", "%65"),
        ),
    )
    return tuple(one for one in dict.fromkeys(found) if one != word)


def _scopes(word: str, beside: str) -> Iterator[Attempt]:
    for value in _nearly(word):
        yield _with(f"scope: {json.dumps(value)}", {"scope": f"{beside} {value}"})
    for shape in (
        [beside, f"{word}s"],
        [beside, [word]],
        [beside, {"scope": word}],
        [beside],
        {beside: True, word: True},
    ):
        yield _with(f"scope: {json.dumps(shape)}", {"scope": shape})
    for claim in (
        "scp",
        "scopes",
        "permissions",
        "roles",
        "authorities",
        "SCOPE",
        "Scope",
        "scope ",
        "entitlements",
        "groups",
    ):
        yield _with(f"{claim} for scope", {"scope": beside, claim: word})
        yield _with(f"{claim} for scope, as a list", {"scope": beside, claim: [word]})
    yield _with("nested", {"scope": beside, "realm_access": {"scope": word, "roles": [word]}})


def _with(name: str, claims: dict[str, Any]) -> Attempt:
    return Attempt(name, token=lambda forge: forge.good(**claims))


def scopes() -> Iterator[Attempt]:
    yield from _scopes(USE, EXECUTE)
    for shape in (7, True, [], {}):
        yield _with(f"scope: {json.dumps(shape)}", {"scope": shape})


def tool_scopes() -> Iterator[Attempt]:
    yield from _scopes(EXECUTE, USE)


def claims() -> Iterator[Attempt]:
    for value in _nearly(ROLE):
        yield _with(f"role: {json.dumps(value)}", {"role": value})
    for shape in (["users"], [[ROLE]], {ROLE: True}, [{"role": ROLE}], 7, True, [], f"{ROLE} admin", f"admin {ROLE}"):
        yield _with(f"role: {json.dumps(shape)}", {"role": shape})
    yield _with("no role", {"role": None})
    for claim in ("roles", "ROLE", "Role", "role ", "group", "groups", "cognito:groups", "realm_access", "scope2"):
        yield _with(f"{claim} for role", {"role": None, claim: ROLE})
