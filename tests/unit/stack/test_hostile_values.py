"""Nothing ends in a traceback, and nothing is accepted that nobody has looked at.

A sample of the pairs of `hostile_values` in `make unit`, all of them in `make thorough`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.unit.stack import hostile_values, said_settings
from tests.unit.stack.hostile_values import judge, pairs, stacks, sweep

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

PARTS = 24
"""Tests that share the sweep, so that several workers do."""

SAMPLE = 30
"""Of a part's pairs, those that `make unit` takes: every 2000th is enough to see that nothing has come loose."""

LEFT_OUT = {"jwks_file": "is a file's path, which becomes jwks before anything is read"}


@pytest.mark.parametrize("index", range(len(stacks())))
def test_each_stack_is_sound_by_itself(index: int, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: test\nruntime: python\n", encoding="utf-8")
    assert [str(problem) for problem in judge(stacks()[index], tmp_path)] == []


def test_every_setting_is_said_somewhere() -> None:
    said = said_settings.said(stacks())
    missing = {setting for setting in said_settings.every() - said if setting[0] != "GrantedBySpec"}
    assert missing - {("Settings", "granted_by")} == set(), "granted_by reads a file: test_granted_by.py"


@pytest.mark.hypothesis
@pytest.mark.parametrize("part", range(PARTS))
def test_is_told_by_its_path_or_stands_on_the_list(part: int) -> None:
    chosen = pairs()[part::PARTS]
    if hypothesis.settings().max_examples < 100:
        chosen = chosen[part :: max(1, len(chosen) // SAMPLE)]
    swept = sweep(chosen)
    assert swept.failed == []
    accepted = hostile_values.accepted()
    listed = {(str(leaf), name) for leaf, name in chosen if name in accepted.get(str(leaf), ())}
    taken = {(leaf, name) for leaf, names in swept.taken.items() for name in names}
    assert taken == listed, "look at each, and then: python -m tests.unit.stack.hostile_values"
