"""One wrong field in a correct mesh is found nine times of ten; docs/rules/mutations.md has the rest, with reasons."""

from __future__ import annotations

from functools import cache

import pytest

from tests.unit.meshlint.mutation import fields
from tests.unit.meshlint.mutation.fields import SAME, SURVIVORS, reason

pytestmark = pytest.mark.unit


@cache
def found() -> dict[str, bool]:
    return fields.run()


def test_at_least_nine_of_ten_mutants_that_behave_differently_are_caught() -> None:
    caught = sum(found().values())
    same = [name for name, seen in found().items() if not seen and reason(name, SAME)]
    changing = len(found()) - len(same)
    assert changing >= 200
    assert caught / changing >= 0.9


def test_every_survivor_has_a_reason_and_every_reason_a_survivor() -> None:
    uncaught = [name for name, seen in found().items() if not seen]
    assert [name for name in uncaught if not (reason(name, SAME) or reason(name, SURVIVORS))] == []
    for reasons in (SAME, SURVIVORS):
        used = {reason(name, reasons) for name in uncaught}
        assert set(reasons.values()) <= used


def test_the_page_is_current() -> None:
    assert fields.PAGE.read_text() == fields.page(found()), "run python -m tests.unit.meshlint.mutation"
