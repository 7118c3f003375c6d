"""The column of docs/failures.md that says how requests were answered meanwhile: `python -m tests.lab.failures_page`.

From docs/failures.json, which `make lab-drills` writes. A row names its test as the title of its last link.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.state import CHECKOUT
from tests.lab.answers import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE = CHECKOUT / "docs" / "failures.md"
ANSWERS = CHECKOUT / "docs" / "failures.json"
HEADING = "requests meanwhile"
_SHOWN_BY = re.compile(r'\[[^\]]+\]\(\.\./(?P<file>tests/lab/test_\w+\.py) "(?P<test>test_\w+)"\) \|$')


class Row(NamedTuple):
    """A line of the page's table."""

    number: int
    cells: tuple[str, ...]
    column: int
    """Of the requests, among the cells."""
    test: str
    """As pytest names it."""

    @property
    def requests(self) -> str:
        return self.cells[self.column]


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip()[1:-1].split("|"))


def rows(page: str) -> Iterator[Row]:
    """Raises ValueError for a row that names no test."""
    lines = page.splitlines()
    heading = next(number for number, line in enumerate(lines) if f" {HEADING} " in line)
    column = _cells(lines[heading]).index(HEADING)
    for number in range(heading + 2, len(lines)):
        if not lines[number].startswith("|"):
            return
        found = _SHOWN_BY.search(lines[number])
        if found is None:
            raise ValueError(f"docs/failures.md, line {number + 1}: the last link has no test as its title")
        yield Row(number, _cells(lines[number]), column, f"{PurePosixPath(found['file'])}::{found['test']}")


def filled(page: str, known: Mapping[str, Any]) -> str:
    """The page with what is known of each row's test; a test that has not run leaves nothing there."""
    lines = page.splitlines()
    for row in rows(page):
        cells = list(row.cells)
        cells[row.column] = text(known.get(row.test, {}).get("answers", {}))
        lines[row.number] = f"| {' | '.join(cells)} |"
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), json.loads(ANSWERS.read_text(encoding="utf-8"))), "utf-8")
