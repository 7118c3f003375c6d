"""Objects by the labels they select."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class SelectorIndex(Generic[T]):
    """Items by namespace and selector, so that finding those of one pod does not go through all of them."""

    def __init__(self, items: Iterable[tuple[str, dict[str, str], T]]) -> None:
        self._everything: dict[str, list[T]] = defaultdict(list)
        self._by_first: dict[tuple[str, str, str], list[tuple[dict[str, str], T]]] = defaultdict(list)
        self._by_any: dict[tuple[str, str, str], list[tuple[dict[str, str], T]]] = defaultdict(list)
        self._all: dict[str, list[T]] = defaultdict(list)
        for namespace, selector, item in items:
            self._all[namespace].append(item)
            if not selector:
                self._everything[namespace].append(item)
                continue
            pairs = sorted(selector.items())
            self._by_first[namespace, *pairs[0]].append((selector, item))
            for pair in pairs:
                self._by_any[namespace, *pair].append((selector, item))

    def applying(self, namespace: str, labels: dict[str, str]) -> list[T]:
        """Items that select pods with these labels."""
        found = list(self._everything.get(namespace, ()))
        for pair in labels.items():
            found += (
                item for selector, item in self._by_first.get((namespace, *pair), ()) if selects(selector, labels)
            )
        return found

    def related(self, namespace: str, selector: dict[str, str]) -> list[T]:
        """Items whose selector is as wide as this one, wider, or narrower."""
        if not selector:
            return self._all.get(namespace, [])
        found = self.applying(namespace, selector)
        first = sorted(selector.items())[0]
        found += (
            item
            for narrower, item in self._by_any.get((namespace, *first), ())
            if len(narrower) > len(selector) and selects(selector, narrower)
        )
        return found
