"""docs/performance.md shows what was measured: its tables and pictures are made from the JSON files, and by nobody."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.benchmarks import page, program
from tests.benchmarks.figures import PAGE, RESULTS, load, replaced
from tests.benchmarks.plots import digest, made_of
from tests.benchmarks.series import Row, span, table
from tests.surroundings import ROOT

pytestmark = pytest.mark.unit


def test_the_tables_are_made_from_the_json_files() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page.written(text) == text, "`python -m tests.benchmarks.page` writes the page anew"


def test_a_figure_that_is_changed_by_hand_is_noticed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    results = load(program.NAME)
    assert results is not None
    [row, *_] = page.table(program.tables(results)["program: registered"]).splitlines()[2:]
    assert row in text
    assert page.written(text.replace(row, row.replace("|", "| 0", 1))) == text


@pytest.mark.parametrize("series", page.SERIES, ids=lambda one: one.NAME)
def test_a_picture_shows_the_figures_of_its_series(series: page.Series) -> None:
    measured = (RESULTS / f"{series.NAME}.json").exists()
    assert made_of(series.NAME) == (digest(series.NAME) if measured else None)


def test_every_series_that_was_measured_says_when_where_and_beside_what() -> None:
    for path in RESULTS.glob("*.json"):
        results = json.loads(path.read_text(encoding="utf-8"))
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", results["date"]), path
        assert results["commit"], path
        assert "cores" in results["machine"], path
        assert results["load_before"] >= 0, path


def test_a_row_has_goal_figure_plain_alternative_and_ratio() -> None:
    rows = [
        Row(what="1 app", goal="2 s", figure="3.0 s", plain="1.5 s", ratio=2.0),
        Row(what="10 apps", figure="4.0 s", plain="", ratio=None),
    ]
    heading, _, first, second = table(rows).splitlines()
    assert heading == "| | goal | figure | plain | ratio |"
    assert first == "| 1 app | 2 s | 3.0 s | 1.5 s | 2.00 |"
    assert second == "| 10 apps |  | 4.0 s |  |  |"


def test_a_short_time_is_told_in_milliseconds() -> None:
    assert (span(0.0031), span(0.1234)) == ("3.1 ms", "0.12 s")


def test_a_table_without_a_place_on_the_page_is_told() -> None:
    with pytest.raises(ValueError, match="<!-- nowhere -->"):
        replaced("a page", "nowhere", "a table")


def test_the_peak_of_memory_is_that_of_the_measured_process_and_not_of_the_one_that_started_it() -> None:
    ballast = bytearray(400 * 1024**2)
    command = [sys.executable, "-c", "from tests.benchmarks.memory import peak_mib; print(peak_mib())"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(ballast) / 1024**2 == 400
    assert 5 < float(done.stdout) < 200
