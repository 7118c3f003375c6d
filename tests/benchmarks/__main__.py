"""Measures, and writes docs/performance.md: `python -m tests.benchmarks [SERIES...] [--large]`; without a name all.

Figures go to docs/benchmarks as one JSON file and one PNG for each series. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from tests.benchmarks.data_path import page as data_path
from tests.benchmarks.data_path.__main__ import record
from tests.benchmarks.figures import save
from tests.benchmarks.page import SERIES, large, tables, write

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = (*(series.NAME for series in SERIES), data_path.NAME)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """`series`, of `NAMES` and in their order, and `large`.

    Raises:
        SystemExit: a series that there is none of.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    # Not `choices`: to them, no name at all is a wrong one.
    parser.add_argument("series", nargs="*", metavar="SERIES", help=f"all of them, or some of: {', '.join(NAMES)}")
    parser.add_argument("--large", action="store_true", help="the sizes that take longer than half an hour")
    found = parser.parse_args(given)
    if unknown := set(found.series) - set(NAMES):
        parser.error(f"{', '.join(sorted(unknown))}: the series are {', '.join(NAMES)}")
    found.series = [name for name in NAMES if name in found.series or not found.series]
    return found


def main() -> None:
    wanted = arguments()
    for series in SERIES:
        if series.NAME in wanted.series:
            started = time.monotonic()
            for results in series.measure(large=wanted.large):
                save(large(series) if wanted.large else series.NAME, results)
            # A series that fails leaves those before it on the page.
            write()
            _print(series.NAME, series.PLACES, started)
    if data_path.NAME in wanted.series:
        started = time.monotonic()
        record(large=wanted.large)
        _print(data_path.NAME, data_path.PLACES, started)


def _print(name: str, places: Sequence[str], started: float) -> None:
    """Its tables as they are on the page."""
    texts = tables()
    for place in places:
        print(f"{place}\n\n{texts[place]}\n")
    print(f"{name}: {time.monotonic() - started:.0f} s\n", flush=True)


if __name__ == "__main__":
    main()
