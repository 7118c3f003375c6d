"""docs/behaviours.md and the tests agree, and the report says what became of each row."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.lab.behaviours import Behaviour, behaviours, files_by_number, number_of
from tests.lab.report import Outcome, table


def test_the_rows_are_numbered_without_a_gap() -> None:
    assert [row.number for row in behaviours()] == [f"B{number:02}" for number in range(1, 59)]


def test_each_row_names_its_test_and_each_test_has_its_row() -> None:
    named = {row.number: row.test for row in behaviours() if row.test}
    assert named == files_by_number()


@pytest.mark.parametrize("path", files_by_number().values(), ids=number_of)
def test_each_behaviour_is_shown_to_fail_without_its_feature(path: Path) -> None:
    """A behaviour's file takes something out of the live mesh, or puts something in, and expects its check to fail."""
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert called & {"edited", "without", "with_added", "apply", "declaring", "declaring_app", "deploy"}, (
        "nothing is changed in the live mesh"
    )
    assert "fails" in called or "returncode" in path.read_text(encoding="utf-8"), "no check is expected to fail"


def test_the_report_says_passed_failed_and_why_not_run() -> None:
    rows = [Behaviour(f"B0{number}", "given", f"then {number}", Path("test.py")) for number in (1, 2, 3)]
    rows.append(Behaviour("B04", "given", "then 4", None))
    outcomes = {
        "B01": Outcome(passed=2, seconds=1.25),
        "B02": Outcome(passed=1, failed=["test_x: assert 200 == 403"], seconds=2),
        "B03": Outcome(passed=1, skipped=["this stack denies no subject"]),
    }
    assert table(rows, outcomes).splitlines() == [
        "#    result      time  then",
        "B01  pass       1.2 s  then 1",
        "B02  fail       2.0 s  then 2",
        "                      (test_x: assert 200 == 403)",
        "B03  not run    0.0 s  then 3",
        "                      (this stack denies no subject)",
        "B04  not run           then 4",
        "                      (no test yet)",
        "",
        "1 pass, 1 fail, 2 not run; 3 s",
    ]
