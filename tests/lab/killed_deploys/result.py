"""The result of a run of `make lab-kills`, kept as a page of the documentation."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.state import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = CHECKOUT / "docs" / "lab-kills.md"
_RESULT = "## Last result\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One killed deploy: what was needed before the same command again, and what lived on; why it did not converge."""

    case: str
    needed: tuple[str, ...]
    left: tuple[str, ...]
    error: str = ""

    @property
    def converged(self) -> bool:
        return not self.error

    def __str__(self) -> str:
        outcome = "converged" if self.converged else f"**did not**: {' '.join(self.error.split())[:300]}"
        needed = ", ".join(f"`{one}`" for one in self.needed)
        return f"| {self.case} | {outcome} | {needed} | {len(self.left)} |"


def write(rows: Sequence[Row]) -> None:
    """Put the result at the end of the page, in place of the one before."""
    text = PAGE.read_text(encoding="utf-8").partition(_RESULT)[0]
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    converged = sum(row.converged for row in rows)
    said = f"{datetime.now(UTC).date()}, {commit}: {converged} of {len(rows)} converged."
    head = ("| killed | outcome | needed first | processes that lived on |", "|---|---|---|---|")
    PAGE.write_text("\n".join([f"{text}{_RESULT}", said, "", *head, *map(str, rows)]) + "\n", encoding="utf-8")
