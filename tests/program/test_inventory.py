"""What each stack registers is what was reviewed: types, parents, providers, dependencies and inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.program.inventory import HERE, rendered
from tests.surroundings import STACKS, surroundings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.program


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_registers_what_its_inventory_says(stack: str, tmp_path: Path) -> None:
    with surroundings(tmp_path / "machine"):
        now = rendered(stack)
    assert now == (HERE / f"{stack}.yaml").read_text(encoding="utf-8"), (
        "The resources have changed. If they should: make inventory, and show the difference to whoever reviews."
    )
