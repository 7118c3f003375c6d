"""Two forms of the mesh in turns, so that what the machine does beside them meets both."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.benchmarks.data_path.load import Figures
from tests.lab.running_lab import manifests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from chatgpt_mesh.stack.settings import Settings
    from tests.lab.running_lab import RunningLab

_SETTLES_SECONDS = 0.5
"""After a change: proxies still give back what the old configuration held."""

NAMES = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, slots=True)
class Form:
    """One of the two that are compared."""

    in_force: Callable[[], AbstractContextManager[None]]
    measure: Callable[[], Figures]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The one's figure by the other's, of each pair: their median, and from where to where they went."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Ratio:
        return cls(median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f}-{self.highest:.2f})"


def alternating(one: Form, other: Form, *, pairs: int) -> list[tuple[Figures, Figures]]:
    """Pairs of figures; who comes first changes from pair to pair, so that each change of form serves two of them."""
    order = [which for number in range(pairs) for which in ((one, other) if number % 2 == 0 else (other, one))]
    measured: dict[Form, list[Figures]] = {one: [], other: []}
    for form, turns in groupby(order):
        with form.in_force():
            time.sleep(_SETTLES_SECONDS)
            measured[form] += (form.measure() for _ in turns)
    return list(zip(measured[one], measured[other], strict=True))


def at_once(one: Callable[[], Figures], other: Callable[[], Figures], *, pairs: int) -> list[tuple[Figures, Figures]]:
    """Pairs of figures of the same seconds, where the two forms are there side by side; who begins changes from pair to
    pair. What one would notice of the other, such as who waits for a core, both notice."""
    found: list[tuple[Figures, Figures]] = []
    with ThreadPoolExecutor(2) as threads:
        for number in range(pairs):
            begun = [threads.submit(form) for form in ((one, other) if number % 2 == 0 else (other, one))]
            first, second = (future.result() for future in begun)
            found.append((first, second) if number % 2 == 0 else (second, first))
    return found


def ratios(pairs: Sequence[tuple[Figures, Figures]]) -> dict[str, Ratio]:
    """Name of a figure -> the first of each pair by the second."""
    return {name: Ratio.of([getattr(one, name) / getattr(other, name) for one, other in pairs]) for name in NAMES}


def as_json(pairs: Sequence[tuple[Figures, Figures]]) -> dict[str, Any]:
    return {
        "pairs": [[asdict(one), asdict(other)] for one, other in pairs],
        "ratios": {name: asdict(ratio) for name, ratio in ratios(pairs).items()},
    }


_PATIENCE_SECONDS = 300.0
"""istiod takes half a minute to make the routes of a gateway of a thousand apps."""


def declared(lab: RunningLab, stack: Settings, *, over: Settings) -> AbstractContextManager[None]:
    """The cluster with the objects of `stack`, where those of `over` are, and everything as it was at the end."""
    return lab.objects.replaced(manifests(over), manifests(stack), within=_PATIENCE_SECONDS)
