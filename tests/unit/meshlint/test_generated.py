"""Generated pages and schema tables are what their generators write today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from meshlint import rules
from meshlint.schemas import generate
from tests.unit.meshlint import rule_pages

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


def test_pages_are_current() -> None:
    """Also fails if a rule is removed: its page stays."""
    written = {file.name: file.read_text() for file in rule_pages.DIRECTORY.glob("*.md")}
    by_hand = {"coverage.md", "false-alarms.md", "mutations.md", "speed.md"}
    made = rule_pages.pages()
    assert set(written) - by_hand == set(made), "run `make reference`"
    assert {name for name, page in made.items() if written[name] != page} == set(), "run `make reference`"


def test_there_are_enough_rules() -> None:
    assert len(rules.load()) >= 145


def test_no_page_speaks_of_one_machine() -> None:
    for file in rule_pages.DIRECTORY.glob("*.md"):
        assert not re.search(r"/(work|root|tmp)/", file.read_text()), file.name


def test_schema_tables_are_those_of_the_pinned_modules() -> None:
    for name, document in generate.documents().items():
        written = json.loads((generate.HERE / f"{name}.json").read_text())
        assert written == document, "run python -m meshlint.schemas.generate"
