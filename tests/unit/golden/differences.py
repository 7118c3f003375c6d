"""Where two values differ, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One path, such as `spec.http[0].timeout`, with what stands there; None where nothing does."""

    path: str
    one: Any
    other: Any


def differences(one: Any, other: Any, path: str = "") -> Iterator[Difference]:
    """The longest paths at which the values differ. Lists of different length differ as a whole."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        # Not the union of both sets, whose order changes from run to run.
        for key in dict.fromkeys([*one, *other]):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif one != other:
        yield Difference(path, one, other)
