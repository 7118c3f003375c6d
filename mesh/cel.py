"""The Common Expression Language: https://github.com/google/cel-spec/blob/master/doc/langdef.md

Envoy takes these expressions as text from Istio and refuses the whole listener where one does not compile.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cel_expr_python.cel import Env  # pyright: ignore[reportMissingTypeStubs]


@cache
def _environment() -> Env:
    # The library takes half as long to load as the rest of this package, and most declarations have no free expression.
    from cel_expr_python import cel  # pyright: ignore[reportMissingTypeStubs]

    return cel.NewEnv()


def syntax_refusal(expression: str) -> str | None:
    """Why an expression does not parse, or None where it does."""
    try:
        _environment().compile(expression, disable_check=True)
    except Exception as error:  # the library raises bare exceptions of its C++ part
        reason = next(iter(str(error).splitlines()), "").strip()
        return f"is no CEL expression ({reason})"
    return None


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
