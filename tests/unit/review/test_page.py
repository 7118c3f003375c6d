"""One page, complete in itself: nothing is loaded, nothing runs, and what a declaration says is text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chatgpt_mesh.mesh.__main__ import main
from chatgpt_mesh.review.page.document import Table
from chatgpt_mesh.review.page.page import page
from chatgpt_mesh.review.page.reach import Matrix, matrices, shown
from tests.benchmarks.page import SERIES, measured
from tests.lab.behaviours import Behaviour
from tests.lab.report import Outcome, behaviours_section, benchmark_sections
from tests.unit.review.many_apps import stack_of
from tests.unit.review.stacks import STACK, edited, version
from tests.unit.review.test_picture import EXCEPTION, HOSTILE

if TYPE_CHECKING:
    from tests.benchmarks.series import Series

pytestmark = pytest.mark.unit


class Read(HTMLParser):
    """Elements, attributes and texts of a page, as a browser takes it."""

    def __init__(self, written: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(written)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_has_everything_in_one_file(tmp_path: Path) -> None:
    table = Table("Behaviours", ("#", "result"), [["B01", "pass"]], "1 pass.", ["good"], judged=1)
    found = Read(page(version(tmp_path, "test", STACK), tables=[table], day="2026-11-24"))
    assert {"Picture", "Who reaches what", "Findings and exceptions", "Behaviours"} <= set(found.texts)
    assert {"weather.example.com", "v1 95 %", "B01", "pass"} <= set(found.texts)
    assert found.elements.count("svg") == 1
    assert ("class", "good") in found.attributes


def test_loads_and_runs_nothing(tmp_path: Path) -> None:
    found = Read(page(version(tmp_path, "test", STACK)))
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(found.elements)
    assert all(value and value.startswith("#") for name, value in found.attributes if name.endswith("href"))
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "src"]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in found.attributes


def test_what_a_declaration_says_is_text(tmp_path: Path) -> None:
    stack = version(tmp_path, "test", edited("  chatgpt-mesh:apps:", EXCEPTION.replace("WHY", HOSTILE)))
    written = page(stack, tables=[Table("T", ("a",), [[HOSTILE]])])
    found = Read(written)
    assert "script" not in found.elements
    assert "img" not in found.elements
    assert HOSTILE in found.texts
    assert "canary-value" not in page(
        version(tmp_path, "b", edited("scope: weather.read", "scope: {secure: canary-value}"))
    )


def _matrix(stack: str, tmp_path: Path, title: str) -> Matrix:
    return next(one for one in matrices(version(tmp_path, "test", stack))[0] if one.title == title)


def test_the_matrix_says_who_reaches_what(tmp_path: Path) -> None:
    inside = _matrix(STACK, tmp_path, "Apps in weather")
    assert inside.cells["frontend"]["weather"].open == ["GET/POST/DELETE /mcp"]
    assert "Any workload of any other namespace" not in inside.cells
    outside = _matrix(STACK, tmp_path, "Hosts of gateway public").cells["Clients outside"]["weather.example.com"]
    assert "GET/POST/DELETE /mcp" in outside.with_token
    assert not any(what.endswith(" /mcp") for what in outside.open)
    away = _matrix(STACK, tmp_path, "Outside the mesh")
    assert set(away.cells) == {"weather"}
    assert shown(away.cells["weather"]["api.openai.com"].open) == ["GET/POST/DELETE everything"]


def test_many_callers_are_asked_about_what_names_them(tmp_path: Path) -> None:
    stack = version(tmp_path, "test", stack_of(60))
    made, asked = matrices(stack)
    reached = {
        (caller, host)
        for matrix in made
        if matrix.title.startswith("Apps in")
        for caller, cells in matrix.cells.items()
        for host in cells
    }
    declared = {
        (caller.app, name)
        for name, app in stack.settings.apps.items()
        for caller in app.callers
        if caller.app is not None
    }
    assert reached == declared
    assert asked < 20_000


def test_behaviours_and_benchmarks_become_tables() -> None:
    rows = [
        Behaviour("B01", "a", "b", Path("x")),
        Behaviour("B02", "c", "d", None),
        Behaviour("B03", "e", "f", Path("y")),
    ]
    outcomes = {"B01": Outcome(passed=2, seconds=1.26), "B03": Outcome(failed=["t: boom"], seconds=0.5)}
    made = behaviours_section(rows, outcomes)
    assert [list(row[3:]) for row in made.rows] == [
        ["pass", "1.3 s", ""],
        ["not run", "", "no test yet"],
        ["fail", "0.5 s", "t: boom"],
    ]
    assert made.verdicts == ["good", "unknown", "bad"]
    assert made.note.startswith("1 pass, 1 fail, 1 not run")


@pytest.mark.parametrize("series", SERIES, ids=lambda one: one.NAME)
def test_every_series_that_was_measured_has_its_tables_on_the_page(series: Series) -> None:
    [results, *_] = measured(series)
    tables = benchmark_sections(series, results)
    assert {table.title.removeprefix("Benchmark: ") for table in tables} <= set(series.PLACES)
    assert all(len(row) == len(table.headings) for table in tables for row in table.rows)
    assert results["commit"] in tables[0].note


def test_the_command_prints_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version(tmp_path, "test", STACK)
    assert main(["report", str(tmp_path / "Pulumi.test.yaml")]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>\n<html")
