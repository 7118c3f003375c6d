"""The tables of docs/performance.md, from the JSON files of docs/benchmarks: `python -m tests.benchmarks.page`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.benchmarks import control_plane, engine, linter, program, streams
from tests.benchmarks.data_path import page as data_path
from tests.benchmarks.figures import PAGE, load, replaced, said
from tests.benchmarks.plots import draw
from tests.benchmarks.series import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.figures import Results
    from tests.benchmarks.series import Plot, Series

SERIES: tuple[Series, ...] = (program, linter, engine, control_plane, streams)
NOT_MEASURED = "Not measured yet."


def large(series: Series) -> str:
    """The name of the file with its large sizes."""
    return f"{series.NAME}_large"


def measured(series: Series) -> list[Results]:
    """What was measured of it: its sizes, and its large ones."""
    return [results for name in (series.NAME, large(series)) if (results := load(name)) is not None]


def plot(series: Series, runs: Sequence[Results]) -> Plot:
    """The sizes of all runs on the same curves."""
    plots = [series.plot(results) for results in runs]
    curves: dict[str, dict[float, float]] = {}
    for one in plots:
        for name, points in one.curves.items():
            curves.setdefault(name, {}).update(points)
    return replace(plots[0], curves={name: list(points.items()) for name, points in curves.items()})


def tables() -> dict[str, str]:
    """Place -> every table that it has by the JSON files, or that there is none."""
    found: dict[str, str] = {}
    for series in SERIES:
        runs = measured(series)
        for place in series.PLACES:
            texts = [f"{table(rows)}\n\n{said(results)}" for results in runs if (rows := series.tables(results)[place])]
            found[place] = "\n\n".join(texts) or NOT_MEASURED
    return found | data_path.tables(load(data_path.NAME), load(data_path.LARGE))


def written(page: str) -> str:
    """The page with every table as the JSON files have it.

    Raises:
        ValueError: a table has no place on the page.
    """
    for place, text in tables().items():
        page = replaced(page, place, text)
    for series in SERIES:
        runs = measured(series)
        picture = f"![{plot(series, runs).title}](benchmarks/{series.NAME}.png)\n" if runs else ""
        page = replaced(page, f"{series.NAME}: plot", picture)
    return page


def write() -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for series in SERIES:
        if runs := measured(series):
            draw(plot(series, runs), series.NAME)


if __name__ == "__main__":
    write()
