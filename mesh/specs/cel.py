"""The Common Expression Language: https://github.com/google/cel-spec/blob/master/doc/langdef.md

Envoy takes these expressions as text from Istio and refuses the whole listener where one does not compile.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cel_expr_python.cel import Env


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
