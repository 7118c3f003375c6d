"""The tables of docs/performance.md, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.benchmarks.data_path.comparison import Ratio
from tests.benchmarks.figures import said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEADINGS = {
    "gateway_microseconds": "gateway CPU",
    "requests_per_second": "rate",
    "p50_milliseconds": "p50",
    "p99_milliseconds": "p99",
    "sidecar_microseconds": "sidecar CPU",
}
"""By the figure."""
GOALS: Mapping[str, Mapping[str, float]] = {
    "bare": {
        "gateway_microseconds": 1.30,
        "requests_per_second": 0.90,
        "p50_milliseconds": 1.10,
        "p99_milliseconds": 1.20,
    },
    "by hand": {"gateway_microseconds": 1.10},
    "crowd": {"gateway_microseconds": 1.15},
}
"""Series -> the most that a ratio may be; of the rate, the least."""

NAME, LARGE = "data_path", "data_path_large"
"""Of the JSON files; the second has the largest crowd, and the comparison by hand in more pairs."""
NOT_MEASURED = "Not measured yet on a machine that does nothing else."


def _ratio(result: Mapping[str, Any], name: str) -> str:
    return str(Ratio(**result["ratios"][name]))


def table(series: Mapping[str, Any], first: str, goals: Mapping[str, float] | None = None) -> Iterator[str]:
    yield f"| {first} | {' | '.join(HEADINGS.values())} |"
    yield "|---|" + "---:|" * len(HEADINGS)
    if goals is not None:
        wanted = (f"{goals[name]:.2f}" if name in goals else "" for name in HEADINGS)
        yield f"| *goal* | {' | '.join(wanted)} |"
    for row, result in series.items():
        yield f"| {row} | {' | '.join(_ratio(result, name) for name in HEADINGS)} |"


def _pairs(series: Mapping[str, Any]) -> str:
    """How many a row has: `5`, or `5 to 15` where they differ."""
    counts = [len(result["pairs"]) for result in series.values()]
    fewest, most = min(counts), max(counts)
    return str(most) if fewest == most else f"{fewest} to {most}"


def tables(results: Mapping[str, Any] | None, large: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Place on the page -> its table, or that there is none."""
    found: dict[str, str] = {}
    for series, first in _FIRST.items():
        measured = [one for one in (results, large) if one is not None and series in one]
        texts = [
            "\n".join(table(one[series], first, GOALS.get(series)))
            + f"\n\n{_pairs(one[series])} pairs of {one['seconds']:g} s each. {said(one)}"
            for one in measured
        ]
        found[f"data path: {series}"] = "\n\n".join(texts) or NOT_MEASURED
    return found


_FIRST = {
    "bare": "the whole declaration by a bare Istio",
    "features": "the whole declaration by the same without",
    "by hand": "the feature alone, as declared by hand-written",
    "pods": "pods of the gateway, by one pod",
    "crowd": "apps at the gateway, by one app",
}
PLACES = tuple(f"data path: {series}" for series in _FIRST)
