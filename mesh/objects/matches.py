"""What an HTTP route matches: exact values, regular expressions, presence.

https://istio.io/latest/docs/reference/config/networking/virtual-service/#StringMatch
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPMatchRequest, StringMatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PRESENT = StringMatch()
"""A match on any value: an empty StringMatch means presence."""


@lru_cache(maxsize=4096)
def exact(value: str) -> StringMatch:
    return StringMatch(exact=value)


@lru_cache(maxsize=4096)
def regex(pattern: str) -> StringMatch:
    """The whole value must match; RE2 syntax."""
    return StringMatch(regex=pattern)


def methods_match(methods: Iterable[str]) -> StringMatch:
    listed = tuple(methods)
    return exact(listed[0]) if len(listed) == 1 else regex("|".join(listed))


def one_of(values: Sequence[str]) -> StringMatch:
    return exact(values[0]) if len(values) == 1 else regex("|".join(map(re.escape, values)))


def with_headers(
    match: HTTPMatchRequest, headers: Mapping[str, StringMatch], without: Mapping[str, StringMatch] | None = None
) -> HTTPMatchRequest:
    return HTTPMatchRequest(
        uri=match.uri,
        method=match.method,
        headers={**match.headers, **headers},
        without_headers={**match.without_headers, **(without or {})},
    )
