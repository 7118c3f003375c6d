"""CPU time of the whole program for a stack, under Pulumi's mocks: `python -m tests.benchmarks.program_time [STACK]`.

Imports, settings, mesh, checks and registration; docs/performance.md has the figures.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

_STARTED = time.process_time()

from tests.program.recorded_program import run  # noqa: E402 - the import is part of what is measured
from tests.surroundings import own_layer, surroundings  # noqa: E402


def main(stack: str) -> None:
    imported = time.process_time()
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        first = run(stack, own_layer(stack))
        ended = time.process_time()
        run(stack, own_layer(stack))
    again = time.process_time() - ended
    print(f"{stack}: {len(first.resources)} resources, {ended - _STARTED:.2f} s of CPU")
    print(f"  imports before the program runs {imported - _STARTED:.2f} s, the program {ended - imported:.2f} s")
    print(f"  the program once more, with everything imported {again:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "prod")
