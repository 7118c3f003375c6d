"""Measures, and writes docs/performance.md: `python -m tests.benchmarks [SERIES...] [--large]`; without a name all.

Figures go to docs/benchmarks as one JSON file and one PNG for each series. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import time

from tests.benchmarks.data_path import page as data_path
from tests.benchmarks.data_path.__main__ import record
from tests.benchmarks.figures import save
from tests.benchmarks.page import SERIES, large, write


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("series", nargs="*", choices=[*(one.NAME for one in SERIES), data_path.NAME])
    parser.add_argument("--large", action="store_true", help="the sizes that take longer than half an hour")
    arguments = parser.parse_args()
    for series in SERIES:
        if arguments.series and series.NAME not in arguments.series:
            continue
        started = time.monotonic()
        save(large(series) if arguments.large else series.NAME, series.measure(large=arguments.large))
        print(f"{series.NAME}: {time.monotonic() - started:.0f} s", flush=True)
        # A series that fails leaves those before it on the page.
        write()
    if not arguments.series or data_path.NAME in arguments.series:
        started = time.monotonic()
        record(large=arguments.large)
        print(f"{data_path.NAME}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
