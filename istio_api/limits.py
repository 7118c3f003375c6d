"""Limits that the CRD schemas set to single values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import cast

from chatgpt_mesh.istio_api.field_types import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one value, all included: of a number, of the length of a text, of the entries of a list or map."""

    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def problems(self, value: object, path: str) -> Iterator[str]:
        """One sentence for each limit that the value breaks; a value of the wrong type is not judged."""
        if isinstance(value, int | float) and not self._within(value, self.minimum, self.maximum):
            yield f"{path}: must be {_range(self.minimum, self.maximum)} (given: {shown(value)})"
        if isinstance(value, Sized) and self.min_length == 1 and not len(value):
            yield f"{path}: must not be empty"
        elif isinstance(value, Sized) and not self._within(len(value), self.min_length, self.max_length):
            unit = "characters" if isinstance(value, str) else "entries"
            yield f"{path}: must have {_range(self.min_length, self.max_length)} {unit} (given: {len(value)})"
        if isinstance(value, str) and self.pattern and not re.search(self.pattern, value):
            yield f"{path}: must match {self.pattern} (given: {shown(value)})"

    @staticmethod
    def _within(number: float, lowest: float | None, highest: float | None) -> bool:
        return (lowest is None or lowest <= number) and (highest is None or number <= highest)


def broken_limits(
    limits: Mapping[str, Limits], values: Mapping[str, object], paths: Mapping[str, str]
) -> Iterator[str]:
    """The sentences for a message: `limits` has a field's name, or `NAME[]` for each entry of a list or map."""
    for target, limit in limits.items():
        name = target.removesuffix("[]")
        if name not in values:
            continue
        value, path = values[name], paths[name]
        if not target.endswith("[]"):
            yield from limit.problems(value, path)
        elif isinstance(value, Mapping):
            for key, item in cast("Mapping[object, object]", value).items():
                yield from limit.problems(item, f"{path}.{key}")
        elif isinstance(value, tuple):
            for index, item in enumerate(cast("tuple[object, ...]", value)):
                yield from limit.problems(item, f"{path}[{index}]")


def _range(lowest: float | None, highest: float | None) -> str:
    if lowest is None:
        return f"at most {highest}"
    return f"at least {lowest}" if highest is None else f"between {lowest} and {highest}"
