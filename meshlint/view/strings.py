"""Istio's string matches, for requests in VirtualServices and values in AuthorizationPolicies."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that change something at the server (RFC 9110 section 9.2.1 lists the safe ones)."""


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


_SLOW = re.compile(r"[*+}][^)]*\)[*+{]")
"""A repeated group that repeats inside: Python's engine may need exponential time where RE2 does not."""


def matches(match: Mapping[str, Any] | None, value: str, *, ignore_case: bool = False) -> bool:
    """Whether a StringMatch (exact, prefix or regex, the whole value as in Envoy) takes `value`.

    `pathPrefix` is a prefix of whole segments, as Gateway API has it.

    A regular expression that cannot be decided here counts as a match: rules then look at the route instead of
    passing over it.
    """
    if not match:
        return True
    if "exact" in match:
        return match["exact"].lower() == value.lower() if ignore_case else match["exact"] == value
    if "prefix" in match:
        prefix: str = match["prefix"]
        return value.lower().startswith(prefix.lower()) if ignore_case else value.startswith(prefix)
    if "pathPrefix" in match:
        return in_segments(match["pathPrefix"], value)
    pattern: str = match.get("regex", "")
    if _SLOW.search(pattern):
        return True
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


_PLAIN = r"(?:[^\\.^$*+?()\[\]{}|]|\\[^0-9A-Za-z])+"
_LITERALS = re.compile(rf"{_PLAIN}(?:\|{_PLAIN})*")
_PIECES = re.compile(r"\\(.)|(\|)|([^\\|])", re.DOTALL)


def exact_values(match: Mapping[str, Any]) -> tuple[str, ...]:
    """The values that a StringMatch takes, where they can be listed: its exact one, or those of a regular expression
    of nothing but alternatives of plain text."""
    if exact := match.get("exact"):
        return (exact,)
    pattern: str = match.get("regex", "")
    if not _LITERALS.fullmatch(pattern):
        return ()
    found = [""]
    for piece in _PIECES.finditer(pattern):
        if piece[2]:
            found.append("")
        else:
            found[-1] += piece[1] or piece[3]
    return tuple(found)


def in_segments(prefix: str, path: str) -> bool:
    """Whether a path is a prefix or below it: `/a` takes `/a`, `/a/` and `/a/b`, and not `/ab`."""
    return prefix == "/" or path == prefix or path.startswith(f"{prefix}/")


def methods_of(match: Mapping[str, Any]) -> frozenset[str]:
    """The HTTP methods that an HTTPMatchRequest takes."""
    method = match.get("method")
    if not method:
        return frozenset(METHODS)
    return _methods(tuple(method.items()))


@functools.lru_cache(maxsize=4096)
def _methods(match: tuple[tuple[str, Any], ...]) -> frozenset[str]:
    return frozenset(name for name in METHODS if matches(dict(match), name))


def authz_matches(pattern: str, value: str) -> bool:
    """Whether an AuthorizationPolicy value (exact, `prefix*`, `*suffix` or `*` for present) takes `value`."""
    if pattern == "*":
        return value != ""
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return pattern == value


def any_authz_matches(patterns: Sequence[str], value: str) -> bool:
    return any(authz_matches(pattern, value) for pattern in patterns)


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def seconds(duration: object) -> float | None:
    """A duration as Istio writes it (`30s`, `1h30m`, `0.25s`) in seconds; None if there is none or it is malformed."""
    if not isinstance(duration, str) or not duration:
        return None
    text = duration.lstrip("-+")
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return 0.0 if text == "0" else None
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -total if duration.startswith("-") else total
