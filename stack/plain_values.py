"""What no setting may hold, whatever its type: control characters, numbers without a value, what is no plain YAML.

Everything behind this (JSON, Istio's messages, the API server) either breaks on it or drops it in silence.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, cast

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 60
"""Levels of a setting: Istio's deepest object by hand has a third of them."""

_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def problems(value: Any, path: str, depth: int = 0) -> Iterator[Problem]:
    """The places of one setting that cannot be read at all."""
    if depth > DEEPEST:
        yield Problem(path, f"lies deeper than {DEEPEST} levels, which no setting does")
    elif isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            here = f"{path}.{shortened(str(key), 80)}"
            if not isinstance(key, str) or _UNREADABLE.search(key):
                here = f"{path}.{shortened(ascii(key), 80)}"
                yield Problem(here, "is no key: it holds control characters, or is no text")
            yield from problems(item, here, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from problems(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, str):
        if found := _UNREADABLE.search(value):
            yield Problem(path, f"holds the control character U+{ord(found[0]):04X}, which no text here may; remove it")
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield Problem(path, f"is {value}, which is no number that can be counted with; write a finite one")
    elif value is not None and not isinstance(value, bool | int):
        yield Problem(path, f"is of the type {type(value).__name__}; write plain text, a number, a list or a mapping")
    elif isinstance(value, int) and abs(value) > 2**63 - 1:
        yield Problem(path, "is a number beyond 64 bits; write a smaller one, or put it in quotes if it is a text")
