"""What every series of figures has: a way to measure it, the rows of its tables, and a plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.benchmarks.figures import Results


HEADINGS = ("goal", "figure", "plain", "ratio")
"""Of what stands beside the name of a figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure beside what it should be and beside the plain alternative, all as the page shows them."""

    what: str
    goal: str = ""
    """Empty: none was set."""
    figure: str
    plain: str
    ratio: float | None
    """The figure by the plain one."""

    @property
    def cells(self) -> tuple[str, ...]:
        """What it is, and then what stands below each of `HEADINGS`."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (self.what, self.goal, self.figure, self.plain, ratio)


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves over the size, both axes logarithmic: what is linear rises by one decade in each."""

    title: str
    size: str
    figure: str
    curves: Mapping[str, Sequence[tuple[float, float]]]
    """Name of a curve -> size and figure of each of its points."""


class Series(Protocol):
    """A module of this package."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a constant of the module
        """That of its JSON file and of its PNG below docs/benchmarks."""
        ...

    @property
    def PLACES(self) -> tuple[str, ...]:  # noqa: N802
        """Those of its tables in docs/performance.md."""
        ...

    def measure(self, *, large: bool) -> Iterator[Results]:
        """Everything anew, each time with what there is until then, so that a failure leaves what came before it.

        Args:
            large: The sizes for which half an hour is too short, and no others.
        """
        ...

    def tables(self, results: Results) -> Mapping[str, Sequence[Row]]:
        """Each of its places -> what stands there."""
        ...

    def plot(self, results: Results) -> Plot: ...


def span(seconds: float) -> str:
    """As a person reads it: `3.1 ms`, `0.12 s`."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def table(rows: Sequence[Row]) -> str:
    lines = [f"| | {' | '.join(HEADINGS)} |", "|---|" + "---:|" * len(HEADINGS)]
    lines += [f"| {' | '.join(row.cells)} |" for row in rows]
    return "\n".join(lines)
