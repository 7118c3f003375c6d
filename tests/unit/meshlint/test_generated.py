"""Generated pages and schema tables are what their generators write today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chatgpt_mesh.istio_api.generate.linter_tables.documents import linter_files
from meshlint import rules
from tests.unit.meshlint import rule_pages

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


def test_pages_are_current() -> None:
    """Also fails if a rule is removed: its page stays."""
    written = {file.name: file.read_text() for file in rule_pages.DIRECTORY.glob("*.md")}
    by_hand = {"coverage.md", "false-alarms.md", "mistakes.md", "mutations.md", "peers.md", "refusals.md", "speed.md"}
    made = rule_pages.pages()
    assert set(written) - by_hand == set(made), "run `make reference`"
    assert {name for name, page in made.items() if written[name] != page} == set(), "run `make reference`"


def test_there_are_enough_rules() -> None:
    assert len(rules.load()) >= 145


def test_no_page_speaks_of_one_machine() -> None:
    for file in rule_pages.DIRECTORY.glob("*.md"):
        assert not re.search(r"/(work|root|tmp)/", file.read_text()), file.name


def test_the_generator_writes_the_tables_that_are_committed() -> None:
    made = linter_files()
    committed = {str(file.relative_to(ROOT)) for file in (ROOT / "meshlint").rglob("*.json")}
    assert committed == set(made)
    stale = [path for path, table in made.items() if (ROOT / path).read_text(encoding="utf-8") != table]
    assert not stale, f"run `python -m istio_api.generate`: {', '.join(stale)} differ"
