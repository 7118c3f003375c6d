"""Mistakes as people make them are named: a small sample here, the figures in docs/rules/mistakes.md."""

from __future__ import annotations

import re

import pytest

from tests.unit.meshlint.mutation import fields, judged
from tests.unit.meshlint.mutation.meshes import Mesh

pytestmark = pytest.mark.unit

ENOUGH, ENOUGH_OF_EACH = 0.92, 0.75
ROW = re.compile(
    r"^\| (?P<name>[^|]+) \| (?P<tried>\d+) \| (?P<counted>\d+) \| [\d%]+ \| [\d%]+ \| (?P<share>\d+)% \|$", re.M
)


def test_lint_or_compare_names_what_changes_an_answer_in_a_small_mesh() -> None:
    mesh = Mesh("correct.yaml", fields.correct())
    tallies = judged.judged([mesh], each=2)
    whole = judged.total(tallies)
    assert len(whole.judged) >= 40
    assert whole.share(lambda one: one.named) >= ENOUGH


def test_the_page_has_two_seeds_and_every_operator_of_each_is_named_often_enough() -> None:
    parts = judged.sections(judged.PAGE.read_text(encoding="utf-8"))
    assert len(parts) >= 2
    assert judged.page(parts) == judged.PAGE.read_text(encoding="utf-8")
    for part in parts.values():
        rows = {row["name"]: row for row in ROW.finditer(part)}
        assert len(rows) == len(judged.OPERATORS) + 1
        assert int(rows.pop("**all**")["share"]) >= 100 * ENOUGH
        assert {name: row["share"] for name, row in rows.items() if int(row["share"]) < 100 * ENOUGH_OF_EACH} == {}
        assert all(int(row["counted"]) for row in rows.values())


def test_a_mistake_that_changes_nothing_does_not_count() -> None:
    mesh = Mesh("correct.yaml", fields.correct())
    nothing = judged.Mistake("nothing", "", "", lambda objects: list(objects))
    assert judged.judge(mesh, nothing) is None
