"""Each row of docs/failures.md is a test, and says how that test's requests were answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.workloads.request import Connection, Reply, Request, send
from tests.lab import answers
from tests.lab.failures_page import ANSWERS, PAGE, filled, rows
from tests.surroundings import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_each_row_names_a_test_that_there_is() -> None:
    found = list(rows(PAGE.read_text(encoding="utf-8")))
    assert len(found) > 15
    for row in found:
        file, _, name = row.test.partition("::")
        assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), row.test


def test_each_row_says_what_was_counted() -> None:
    known = json.loads(ANSWERS.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, known) == page, "run python -m tests.lab.failures_page"
    missing = [row.test for row in rows(page) if not row.requests]
    assert not missing


def test_a_row_without_a_test_is_refused() -> None:
    heading, rule = "| away | requests meanwhile | shown by |", "|---|---|---|"
    with pytest.raises(ValueError, match=r"line 3: the last link has no test as its title"):
        list(rows(f"{heading}\n{rule}\n| x |  | [drills](../tests/lab/test_failure_drills.py) |\n"))


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({}, ""),
        ({"200": 1204}, "1,204: all with 200"),
        ({"0": 2, "200": 331, "503": 9}, "342: 331 with 200, 9 with 503, 2 without an answer"),
    ],
)
def test_answers_are_said_by_how_many_they_are(counted: dict[str, int], said: str) -> None:
    assert answers.text(counted) == said


def test_every_request_is_counted_whoever_sends_it_and_none_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "send", lambda _connection, _request: Reply(status=503))
    request = Request(url="http://127.0.0.1:9/")
    with answers.counted() as found:
        send(request)
        with Connection() as kept:
            kept.send(request)
            kept.send(request)
    send(request)
    assert found == {503: 3}


def test_what_another_run_has_counted_stays(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    answers.write(file, {"a": {200: 3}}, date="2026-01-01", commit="one")
    answers.write(file, {"b": {503: 1, 200: 2}}, date="2026-01-02", commit="two")
    known = json.loads(file.read_text(encoding="utf-8"))
    assert known["a"] == {"date": "2026-01-01", "commit": "one", "answers": {"200": 3}}
    assert known["b"] == {"date": "2026-01-02", "commit": "two", "answers": {"200": 2, "503": 1}}
