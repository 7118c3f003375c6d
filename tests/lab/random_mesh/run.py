"""One stack after another, and the lab as it was at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.lab.random_mesh.asking import Compared, compare
from tests.lab.random_mesh.deployed import RandomStacks
from tests.lab.random_mesh.result import Row, described

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.lab.running_lab import RunningLab


def run(lab: RunningLab, mesh: str, seeds: Iterable[int]) -> Iterator[Row]:
    """A row for each seed. `mesh` is the environment whose stack the lab goes back to."""
    stacks = RandomStacks(lab, mesh)
    try:
        for seed in seeds:
            yield _row(stacks, seed)
    finally:
        stacks.restore()


def _row(stacks: RandomStacks, seed: int) -> Row:
    """A stack that cannot be deployed is a row as well: those after it still say something."""
    started = time.monotonic()
    try:
        deployed = stacks.deploy(seed)
        compared = compare(deployed)
    except AssertionError as error:
        return Row(seed, "failed", Compared(0, 0, 0, []), [str(error)], time.monotonic() - started)
    return Row(seed, described(deployed.stack), compared, deployed.refused, time.monotonic() - started)
