"""docs/intents.md: every document of the guide has its row, and what a row names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "intents.md").read_text(encoding="utf-8")
ROWS = [row for row in PAGE.splitlines() if re.match(r"\| \d", row)]
GOLDEN = {
    f"{manifest['kind']}/{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
    for stack in ("staging", "prod")
    for manifest in yaml.safe_load_all((ROOT / "tests/unit/golden" / f"{stack}.yaml").read_text(encoding="utf-8"))
}


def test_every_document_of_the_guide_has_a_row():
    numbered = {int(number) for row in ROWS for number in row.split("|")[1].split(",")}
    documents = {int(path.name[:2]) for path in (ROOT / "tests" / "fixtures" / "guide").glob("*.yaml")}
    assert numbered == documents


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[:60])
def test_what_a_row_becomes_is_in_staging_or_prod(row: str):
    for key in re.findall(r"`([A-Z][A-Za-z]+/[a-z0-9./-]+)`", row):
        assert key in GOLDEN
