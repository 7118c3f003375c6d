"""Which series `python -m tests.benchmarks` measures."""

from __future__ import annotations

import pytest

from tests.benchmarks.__main__ import NAMES, arguments


def test_without_a_name_all_are_measured() -> None:
    assert arguments([]).series == list(NAMES)
    assert arguments(["--large"]).series == list(NAMES)


def test_those_that_are_named_are_measured_in_their_order() -> None:
    assert arguments(["data_path", "program"]).series == ["program", "data_path"]


def test_a_series_that_there_is_none_of_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["programme"])
    assert "programme: the series are program, linter" in capsys.readouterr().err
