"""A pod that does nothing until a test sends requests from it: `python -m lab.workloads.caller`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    # The first process of a container ignores SIGTERM unless it says what to do about it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
