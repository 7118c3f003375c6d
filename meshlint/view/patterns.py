"""Items by the values of an AuthorizationPolicy that name them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")


class PatternIndex(Generic[T]):
    """Items by patterns (exact, `prefix*`, `*suffix`, `*`), so that those of one value are found without going through
    all of them. An item without patterns is for every value.

    Patterns mean what `meshlint.view.strings.authz_matches` says.
    """

    def __init__(self, items: Iterable[tuple[Sequence[str], T]]) -> None:
        self._items: list[T] = []
        self._always: list[int] = []
        self._present: list[int] = []
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._prefix: dict[str, list[int]] = defaultdict(list)
        self._suffix: dict[str, list[int]] = defaultdict(list)
        for position, (patterns, item) in enumerate(items):
            self._items.append(item)
            if not patterns:
                self._always.append(position)
            for pattern in patterns:
                self._add(pattern, position)

    def _add(self, pattern: str, position: int) -> None:
        if pattern == "*":
            self._present.append(position)
        elif pattern.endswith("*"):
            self._prefix[pattern[:-1]].append(position)
        elif pattern.startswith("*"):
            self._suffix[pattern[1:]].append(position)
        else:
            self._exact[pattern].append(position)

    def of(self, *values: str) -> list[T]:
        """The items for at least one of the values, in the order in which they came."""
        if not values:
            return []
        found = set(self._always)
        for value in values:
            found.update(self._exact.get(value, ()), self._present if value else ())
            for place in range(len(value) + 1):
                found.update(self._prefix.get(value[:place], ()), self._suffix.get(value[place:], ()))
        return [self._items[position] for position in sorted(found)]
