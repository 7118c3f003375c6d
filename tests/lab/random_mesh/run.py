"""One stack after another, and the lab as it was at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.lab.random_mesh.asking import compare
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
            started = time.monotonic()
            deployed = stacks.deploy(seed)
            compared = compare(deployed)
            seconds = time.monotonic() - started
            yield Row(seed, described(deployed.stack), compared, deployed.refused, seconds)
    finally:
        stacks.restore()
