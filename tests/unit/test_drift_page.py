"""docs/drift.md lists what the lab changes, with the objects, and nothing else."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import pytest

from chatgpt_mesh.stack.settings import load_stack
from tests.lab.test_drift import by_controllers, by_hand
from tests.surroundings import ROOT, surroundings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

FOUND, NEVER = re.split(
    r"^## Never found by a refresh$", (ROOT / "docs" / "drift.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)


def rows(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text.partition("|---")[2], re.MULTILINE)


def test_the_page_has_a_row_for_each_change(tmp_path: Path) -> None:
    with surroundings(tmp_path):
        stack = load_stack(ROOT / "Pulumi.staging.yaml", date(2026, 12, 1))
    assert rows(FOUND) == [(name, f"{place.kind} `{place.name}`") for name, (place, _) in by_hand(stack).items()]
    assert [name for name, _ in rows(NEVER)] == list(by_controllers(stack))
