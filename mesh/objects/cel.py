"""CEL expressions that give one of a closed set of values: https://github.com/google/cel-spec/blob/master/doc/langdef.md"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def quote(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def one_of(expression: str, values: Iterable[str], other: str) -> str:
    """The value of a string expression where it is one of `values`, else `other`.

    A list, and no chain of comparisons: Envoy refuses expressions that are nested deeper than 32.
    """
    return f"{expression} in [{', '.join(map(quote, values))}] ? {expression} : {quote(other)}"


def header_value(header: str, values: Iterable[str], *, absent: str, other: str) -> str:
    """One of `values`, `other` or `absent`.

    Presence is asked by `in`: `has()` takes a field selection only, and Envoy refuses it for `headers['x']`.
    """
    value = f"request.headers[{quote(header)}]"
    return f"{quote(header)} in request.headers ? ({one_of(value, values, other)}) : {quote(absent)}"
