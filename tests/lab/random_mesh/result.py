"""The result of a run: one row for each stack, kept as a page of the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.state import CHECKOUT
from tests.lab import last_result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chatgpt_mesh.stack.settings import Settings
    from tests.lab.random_mesh.asking import Compared

PAGE = CHECKOUT / "docs" / "lab-random.md"
_HEAD = (
    "| seed | stack | requests | let in | refused | disagreements | asked again | refused updates | seconds | of |",
    "|---|---|---|---|---|---|---|---|---|---|",
)
_REQUESTS, _DISAGREEMENTS, _REFUSED_UPDATES = 3, 6, 8
"""Columns of a row, counted from the bar before the first."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stack: what it declared, what was asked, and what was otherwise than predicted."""

    seed: int
    apps: str
    compared: Compared
    refused_updates: list[str]
    seconds: float

    @property
    def good(self) -> bool:
        return not self.compared.disagreements and not self.refused_updates

    def __str__(self) -> str:
        found = self.compared
        return (
            f"| {self.seed} | {self.apps} | {found.asked} | {found.allowed} | {found.refused} | "
            f"{len(found.disagreements)} | {found.asked_again} | {len(self.refused_updates)} | {self.seconds:.0f} |"
        )


def described(stack: Settings) -> str:
    """A stack in a few words: its apps, hosts, versions, routes and callers."""
    apps = stack.apps.values()
    counts = {
        "apps": len(stack.apps),
        "hosts": sum(len(app.exposures) for app in apps),
        "with tokens": sum(app.auth is not None for app in apps),
        "routes": sum(len(app.routes) for app in apps),
        "callers": sum(len(app.callers) for app in apps),
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def write(rows: Sequence[Row]) -> None:
    """Put the result at the end of the page, over what it says of the same seeds. Rows of other seeds stay: a run may
    be made in parts."""
    last_result.replace(PAGE, lambda before: table(before, rows))


def table(before: str, rows: Sequence[Row]) -> str:
    """The result that a page has with further rows, and how many there are of what."""
    of = f" {datetime.now(UTC).date()}, {last_result.commit(PAGE)} |"
    by_seed = {int(line.split("|")[1]): line for line in before.splitlines() if line[2:3].isdigit()}
    by_seed |= {row.seed: f"{row}{of}" for row in rows}
    lines = [by_seed[seed] for seed in sorted(by_seed)]
    requests, wrong, refused = (
        sum(int(line.split("|")[column]) for line in lines) for column in (_REQUESTS, _DISAGREEMENTS, _REFUSED_UPDATES)
    )
    said = f"{len(lines)} stacks, {requests} requests, {wrong} disagreements, {refused} refused updates."
    return "\n".join([said, "", *_HEAD, *lines]) + "\n"


def shortcomings(rows: Iterable[Row]) -> str:
    """Every disagreement and refused update, by seed."""
    return "\n".join(
        f"seed {row.seed}: {one}" for row in rows for one in (*row.refused_updates, *row.compared.disagreements)
    )
