"""The tables of docs/performance.md, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.benchmarks.data_path.comparison import Ratio
from tests.benchmarks.figures import said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GOALS = {
    "gateway_microseconds": ("gateway CPU", 1.30),
    "requests_per_second": ("rate", 0.90),
    "p50_milliseconds": ("p50", 1.10),
    "p99_milliseconds": ("p99", 1.20),
    "sidecar_microseconds": ("sidecar CPU", None),
}
"""Figure -> its heading, and what the whole declaration may cost by a bare Istio's, at most; of the rate, at least."""


NOT_MEASURED = "Not measured yet on a machine that does nothing else."


def _ratio(result: Mapping[str, Any], name: str) -> str:
    return str(Ratio(**result["ratios"][name]))


def table(series: Mapping[str, Any], first: str, *, goals: bool = False) -> Iterator[str]:
    headings = [heading for heading, _ in GOALS.values()]
    yield f"| {first} | {' | '.join(headings)} |"
    yield "|---|" + "---:|" * len(headings)
    if goals:
        yield f"| *goal* | {' | '.join('' if goal is None else f'{goal:.2f}' for _, goal in GOALS.values())} |"
    for row, result in series.items():
        yield f"| {row} | {' | '.join(_ratio(result, name) for name in GOALS)} |"


def tables(results: Mapping[str, Any] | None) -> dict[str, str]:
    """Place on the page -> its table, or that there is none."""
    headings = {
        "bare": "the whole declaration by a bare Istio",
        "features": "the whole declaration by the same without",
        "crowd": "apps at the gateway, by one app",
    }
    if results is None:
        return dict.fromkeys((f"data path: {series}" for series in headings), NOT_MEASURED)
    pairs = f"{results['pairs']} pairs of {results['seconds']:g} s each. {said(results)}"
    found: dict[str, str] = {}
    for series, first in headings.items():
        lines = "\n".join(table(results.get(series, {}), first, goals=series == "bare"))
        found[f"data path: {series}"] = f"{lines}\n\n{pairs}"
    return found
