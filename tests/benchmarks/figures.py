"""Where figures are written: between two marks of docs/performance.md, with date and commit."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

from tests.surroundings import ROOT

PAGE = ROOT / "docs" / "performance.md"


def measured() -> dict[str, str]:
    """Today's date, and the commit that is checked out."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    return {"date": f"{datetime.now(tz=UTC):%Y-%m-%d}", "commit": commit}


def replaced(page: str, name: str, text: str) -> str:
    """The page with a new text between `<!-- NAME -->` and `<!-- end -->`."""
    start = f"<!-- {name} -->\n"
    before, _, rest = page.partition(start)
    return f"{before}{start}{text}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
