"""Deploy random stacks to the running lab and ask each what the checker says of it:
`python -m tests.lab.random_mesh --seeds 20` (or `3,7,9`). The result goes to docs/lab-random.md.
"""

from __future__ import annotations

import argparse
import signal
import sys

from tests.lab.bring_up import MESH, running_lab
from tests.lab.random_mesh import result
from tests.lab.random_mesh.run import run


def seeds(written: str) -> list[int]:
    """`20` is the numbers from 1 to 20; `3,7,9` is these, and `7,` is one."""
    if "," in written:
        return [int(one) for one in written.split(",") if one.strip()]
    return list(range(1, int(written) + 1))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.random_mesh", description=__doc__)
    parser.add_argument("--seeds", type=seeds, default="20", help="how many, or a list such as 3,7,9 (default 20)")
    parser.add_argument("--no-page", action="store_true", help="leave docs/lab-random.md as it is")
    arguments = parser.parse_args()
    # However it ends, the lab is left as others expect it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    rows: list[result.Row] = []
    try:
        for row in run(running_lab(), MESH, arguments.seeds):
            rows.append(row)
            print(row, flush=True)
            if not row.good:
                print(result.shortcomings([row]), flush=True)
    finally:
        if rows and not arguments.no_page:
            result.write(rows)
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
