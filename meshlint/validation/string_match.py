"""Exact, prefix and regex matches, and which regular expressions Envoy can compile."""

from __future__ import annotations

import functools
import re
import warnings
from typing import TYPE_CHECKING

from meshlint.validation.grammar import NONE, below, one_of, problem

if TYPE_CHECKING:
    from meshlint.validation.grammar import Check, Problems
    from meshlint.view.fields import Json

LONGEST_REGEX = 1024
MOST_REPEATED = 1000
_REPEATED = re.compile(r"\{(?:\d+,)?(\d+),?\}")
_NOT_IN_RE2 = re.compile(r"\(\?(?!P?<\w|[imsU-]*[:)])[=!<>#(|]*|(?:[*+?]|\{\d+(?:,\d*)?\})[*+]")
"""Look-around, conditions and comments, and a repetition of a repetition (which others read as possessive)."""
_ESCAPE_OR_CLASS = re.compile(r"\\Q.*?(?:\\E|$)|\\[1-7][0-7]+|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPES = frozenset("aftnrvxQEAbBdDsSwWpPz0")
"""Letters and digits that mean something behind a backslash; any other is an error, 1 to 9 as back-references."""
_KINDS = one_of("exact", "prefix", "regex")


@functools.lru_cache(maxsize=4096)
def re2_problem(pattern: str) -> Problems:
    """Why RE2 cannot compile an expression. It has no look-around, no back-references and no possessive quantifiers."""
    foreign = next(iter(_NOT_IN_RE2.findall(_ESCAPE_OR_CLASS.sub("x", pattern))), "") or _unknown_escape(pattern)
    if foreign:
        what = f"is {pattern!r}, and RE2 has no {foreign!r}"
        return problem(what, "write it without look-around and back-references")
    counts = [int(count[:9]) for count in _REPEATED.findall(pattern)]
    if counts and max(counts) > MOST_REPEATED:
        return problem(f"is {pattern!r}, and RE2 repeats at most {MOST_REPEATED} times", "write a lower count")
    wrong = _compiled(pattern)
    # RE2's own escapes and flags are not Python's: judge only what both read the same way.
    if wrong and "(?" not in pattern and "\\" not in pattern:
        return problem(f"is {pattern!r}, which does not compile: {wrong}", "correct the expression")
    return NONE


def _unknown_escape(pattern: str) -> str:
    for token in _ESCAPE_OR_CLASS.findall(pattern):
        if (
            len(token) == 2
            and token[0] == "\\"
            and token[1].isalnum()
            and token[1].isascii()
            and token[1] not in _ESCAPES
        ):
            return token
    return ""


def _compiled(pattern: str) -> str:
    """What Python's engine has against an expression; empty if nothing that RE2 has not."""
    try:
        with warnings.catch_warnings():
            # Of sets in sets, which Python may have one day.
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(pattern)
    except re.error as error:
        repeats_anchor = error.msg == "nothing to repeat" and error.pos and pattern[error.pos - 1] in "^$"
        return "" if repeats_anchor else str(error)
    except (OverflowError, RecursionError) as error:
        return str(error)
    return ""


def regex(pattern: str) -> Problems:
    """An expression of a length that Istio takes; whether it compiles is `re2_problem`'s."""
    if not pattern:
        return problem("is empty", "write an expression, or remove the match")
    if len(pattern) > LONGEST_REGEX:
        what = f"has {len(pattern)} characters, more than the {LONGEST_REGEX} that Istio takes"
        return problem(what, "split it over several matches")
    return NONE


def _match(*, empty_prefix: bool, star: bool = False) -> Check:
    def check(value: Json) -> Problems:
        found = _KINDS(value)
        if "regex" in value and not (star and value["regex"] == "*"):
            found += below("regex", regex(value["regex"]))
        if value.get("prefix") == "" and not empty_prefix:
            found += problem("is empty", "write a prefix, or remove the match", "prefix")
        return found

    return check


URI_MATCH = _match(empty_prefix=True)
NOT_EMPTY_MATCH = _match(empty_prefix=False)
WITHOUT_MATCH = _match(empty_prefix=False, star=True)
"""Of headers that are not to be there: the expression `*` is no expression there, but any value."""


def ORIGIN(value: Json) -> Problems:  # noqa: N802 - one of the matches of this module
    """An origin that CORS allows."""
    if not any(value.get(kind) for kind in ("exact", "prefix", "regex")):
        return problem("says nothing", "write exact, prefix or regex")
    found = _KINDS(value)
    return found + (below("regex", regex(value["regex"])) if "regex" in value else NONE)
