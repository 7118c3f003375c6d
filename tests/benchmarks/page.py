"""The tables of docs/performance.md, from the JSON files of docs/benchmarks: `python -m tests.benchmarks.page`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks import linter, program
from tests.benchmarks.data_path.page import tables as data_path_tables
from tests.benchmarks.figures import PAGE, load, replaced, said
from tests.benchmarks.plots import draw
from tests.benchmarks.series import table

if TYPE_CHECKING:
    from tests.benchmarks.series import Series

SERIES: tuple[Series, ...] = (program, linter)


def written(page: str) -> str:
    """The page with every table as the JSON files have it.

    Raises:
        ValueError: a table has no place on the page.
    """
    for series in SERIES:
        results = load(series.NAME)
        if results is not None:
            for place, rows in series.tables(results).items():
                page = replaced(page, place, f"{table(rows)}\n\n{said(results)}")
            picture = f"![{series.plot(results).title}](benchmarks/{series.NAME}.png)"
            page = replaced(page, f"{series.NAME}: plot", picture)
    for place, text in data_path_tables(load("data_path")).items():
        page = replaced(page, place, text)
    return page


def write() -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for series in SERIES:
        results = load(series.NAME)
        if results is not None:
            draw(series.plot(results), series.NAME)


if __name__ == "__main__":
    write()
