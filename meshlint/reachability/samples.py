"""Strings that a pattern takes, and their neighbours, as questions to a mesh."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from meshlint.view.fields import text
from meshlint.view.strings import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshlint.view.fields import Json

MOST = 6
"""How many strings stand for one pattern."""


def taken_by(match: Json) -> list[str]:
    """Strings that a StringMatch takes; of an empty one, which any value passes, a single word."""
    if "exact" in match:
        return [text(match, "exact")]
    if "prefix" in match:
        return [text(match, "prefix"), f"{text(match, 'prefix')}x"]
    if "pathPrefix" in match:
        prefix = text(match, "pathPrefix")
        return [prefix, f"{prefix.removesuffix('/')}/x"]
    if "regex" in match:
        return of_regex(text(match, "regex"))
    return ["x"]


def of_policy_value(pattern: str) -> list[str]:
    """Strings that a value of an AuthorizationPolicy takes: exact, `prefix*`, `*suffix`, `*`, or a path template."""
    if "{*" in pattern:
        return [pattern.replace("{**}", "x/y").replace("{*}", "x")]
    if pattern == "*":
        return ["x"]
    if "*" in pattern:
        bare = pattern.replace("*", "")
        return [bare, pattern.replace("*", "x")] if bare else ["x"]
    return [pattern]


def neighbours(path: str) -> list[str]:
    """Paths beside a path: with a slash, a letter or a segment more, one segment less, and in capitals."""
    parent = path.rstrip("/").rpartition("/")[0]
    found = [f"{path}x", f"{path.rstrip('/')}/", f"{path.rstrip('/')}/x", parent or "/", path.upper()]
    return [one for one in dict.fromkeys(found) if one != path]


@functools.lru_cache(maxsize=4096)
def _of_regex(pattern: str) -> tuple[str, ...]:
    try:
        found = _Walk(pattern.removeprefix("(?i)")).alternatives()
    except (IndexError, ValueError):
        found = []
    certain = [one for one in dict.fromkeys(found) if _taken(pattern, one)]
    return tuple(certain[:MOST] or [one for one in _GUESSES if _taken(pattern, one)][:1])


def of_regex(pattern: str) -> list[str]:
    """Strings that a regular expression (RE2's common part) takes as a whole: one for each of its alternatives."""
    return list(_of_regex(pattern))


_GUESSES = ("x", "/x", "1", "true", "GET", "https://x.example.com")


def _taken(pattern: str, value: str) -> bool:
    try:
        return re.compile(pattern).fullmatch(value) is not None
    except (re.error, RecursionError, OverflowError):
        return matches({"regex": pattern}, value)


class _Walk:
    """Reads a pattern once, from left to right, and keeps for each part the strings that it may stand for."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def alternatives(self) -> list[str]:
        found: list[str] = []
        parts: list[list[str]] = []
        while self._at < len(self._pattern) and self._pattern[self._at] != ")":
            if self._pattern[self._at] == "|":
                self._at += 1
                found += _joined(parts)
                parts = []
                continue
            parts.append(self._repeated(self._atom()))
        return list(dict.fromkeys([*found, *_joined(parts)]))[: 2 * MOST]

    def _atom(self) -> list[str]:
        character = self._pattern[self._at]
        self._at += 1
        match character:
            case "(":
                self._at += 2 if self._pattern.startswith("?:", self._at) else 0
                found = self.alternatives()
                self._at += 1
                return found or [""]
            case "[":
                return self._of_class()
            case "\\":
                self._at += 1
                escaped = self._pattern[self._at - 1]
                return [{"d": "1", "w": "x", "s": " ", "S": "x", "D": "x"}.get(escaped, escaped)]
            case ".":
                return ["x"]
            case "^" | "$":
                return [""]
            case _:
                return [character]

    def _of_class(self) -> list[str]:
        end = self._pattern.index("]", self._at + 1)
        listed = self._pattern[self._at : end]
        self._at = end + 1
        if not listed.startswith("^"):
            return [listed[1] if listed.startswith("\\") else listed[0]]
        return [next((one for one in "x1/-." if re.match(f"[{listed}]", one)), "x")]

    def _repeated(self, options: list[str]) -> list[str]:
        following = self._pattern[self._at : self._at + 1]
        if following in ("*", "+", "?"):
            self._at += 1
            self._at += self._pattern[self._at : self._at + 1] == "?"
            return options if following == "+" else [*options, ""]
        if following == "{":
            end = self._pattern.index("}", self._at)
            least = int(self._pattern[self._at + 1 : end].partition(",")[0] or 0)
            self._at = end + 1
            return [one * max(least, 1) for one in options]
        return options


def _joined(parts: Iterable[list[str]]) -> list[str]:
    """The first of each part in a row, and once with each other one in its place."""
    listed = list(parts)
    first = [options[0] for options in listed]
    found = ["".join(first)]
    for position, options in enumerate(listed):
        found += ["".join([*first[:position], other, *first[position + 1 :]]) for other in options[1:]]
    return found[: 2 * MOST]
