"""Kill deploys in the running lab and run them again: `python -m tests.lab.killed_deploys --ups 30 --destroys 10`.

Each is a seed, drawn as in B41. The result goes to docs/lab-kills.md. `destroy` takes the sample workloads with it;
`python -m lab up` brings them back at the end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.bring_up import MESH, bring_up, running_lab
from tests.lab.killed_deploys import result
from tests.lab.killed_deploys.converging import check_converges, check_destroy_converges
from tests.lab.killed_deploys.declarations import case, destroy_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab


def rows(lab: RunningLab, directory: Path, ups: int, destroys: int) -> Iterator[result.Row]:
    """One that does not converge is a row as well, and those after it still say something."""
    cases = [*((check_converges, case(seed)) for seed in range(ups))]
    cases += [(check_destroy_converges, destroy_case(seed)) for seed in range(destroys)]
    for check, drawn in cases:
        try:
            outcome = check(lab, drawn, directory)
        except AssertionError as error:
            yield result.Row(str(drawn), (), (), str(error))
        else:
            yield result.Row(str(drawn), outcome.needed, outcome.left)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.killed_deploys", description=__doc__)
    parser.add_argument("--ups", type=int, default=30, help="killed `up`s (default 30)")
    parser.add_argument("--destroys", type=int, default=10, help="killed `destroy`s (default 10)")
    arguments = parser.parse_args()
    found: list[result.Row] = []
    try:
        with tempfile.TemporaryDirectory() as directory:
            for row in rows(running_lab(), Path(directory), arguments.ups, arguments.destroys):
                found.append(row)
                print(row, flush=True)
    finally:
        result.write(found)
        bring_up(MESH)
    return 0 if all(row.converged for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
