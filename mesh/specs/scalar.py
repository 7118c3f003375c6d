"""How a scalar of a stack file is made: a check that refuses with a sentence, and what editors are told about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Callable


def refuse(sentence: str) -> PydanticCustomError:
    """What a check raises; the stack puts the path before the sentence and the value behind it."""
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


def text_like(
    pattern: str,
    sentence: str,
    *,
    longest: int,
    examples: list[str],
    further: Callable[[str], str | None] | None = None,
) -> Any:
    """Text that matches a whole pattern. `further` may refuse what no pattern can, with a sentence of its own."""
    compiled = re.compile(pattern)

    def check(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or compiled.fullmatch(value) is None:
            raise refuse(sentence)
        if further is not None and (refusal := further(value)):
            raise refuse(refusal)
        return value

    return Annotated[
        str,
        BeforeValidator(check),
        WithJsonSchema({"type": "string", "pattern": f"^({pattern})$", "maxLength": longest, "examples": examples}),
    ]


def text_that(refusal_of: Callable[[str], str | None]) -> AfterValidator:
    """Text for which `refusal_of` has no sentence."""

    def check(value: str) -> str:
        if refusal := refusal_of(value):
            raise refuse(refusal)
        return value

    return AfterValidator(check)


def shortened(text: str, longest: int = 120) -> str:
    """A text as a sentence can hold it."""
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"
