"""The result of a run of `make lab-kills`, kept as a page of the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.state import CHECKOUT
from tests.lab import last_result

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = CHECKOUT / "docs" / "lab-kills.md"


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
    converged = sum(row.converged for row in rows)
    said = f"{datetime.now(UTC).date()}, {last_result.commit(PAGE)}: {converged} of {len(rows)} converged."
    head = ("| killed | outcome | needed first | processes that lived on |", "|---|---|---|---|")
    last_result.replace(PAGE, lambda _: "\n".join([said, "", *head, *map(str, rows)]) + "\n")
