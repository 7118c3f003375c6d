"""The tables of docs/performance.md, from the JSON files of docs/benchmarks: `python -m tests.benchmarks.page`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks import control_plane, engine, linter, program, streams
from tests.benchmarks.data_path import page as data_path
from tests.benchmarks.figures import PAGE, load, replaced, said
from tests.benchmarks.plots import draw
from tests.benchmarks.series import table

if TYPE_CHECKING:
    from tests.benchmarks.series import Series

SERIES: tuple[Series, ...] = (program, linter, engine, control_plane, streams)
NOT_MEASURED = "Not measured yet."


def large(series: Series) -> str:
    """The name of the file with its large sizes."""
    return f"{series.NAME}_large"


def written(page: str) -> str:
    """The page with every table as the JSON files have it.

    Raises:
        ValueError: a table has no place on the page.
    """
    for series in SERIES:
        runs = [results for name in (series.NAME, large(series)) if (results := load(name)) is not None]
        for place in series.PLACES:
            texts = [f"{table(series.tables(results)[place])}\n\n{said(results)}" for results in runs]
            page = replaced(page, place, "\n\n".join(texts) or NOT_MEASURED)
        results = load(series.NAME)
        picture = "" if results is None else f"![{series.plot(results).title}](benchmarks/{series.NAME}.png)\n"
        page = replaced(page, f"{series.NAME}: plot", picture)
    for place, text in data_path.tables(load(data_path.NAME), load(data_path.LARGE)).items():
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
