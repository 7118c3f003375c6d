"""The objects of every stack are those that were reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.surroundings import STACKS, surroundings
from tests.unit.golden import HERE, rendered

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("stack", STACKS)
def test_the_objects_of_a_stack_are_those_in_its_file(stack: str, tmp_path: Path) -> None:
    with surroundings(tmp_path / "machine"):
        now = rendered(stack)
    assert now == (HERE / f"{stack}.yaml").read_text(encoding="utf-8"), (
        "The objects have changed. If they should: make golden, and show the difference to whoever reviews."
    )
