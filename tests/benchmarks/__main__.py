"""Every figure of docs/performance.md that takes longer than a test may: `python -m tests.benchmarks [COUNT...]`.

Writes the tables into the page, with date and commit, and the same as JSON beside this file. Minutes, for 1,000 apps.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.benchmarks import prepare_program, register_program
from tests.benchmarks.figures import PAGE, measured, replaced

RESULTS = Path(__file__).with_name("results.json")


def main(sizes: tuple[int, ...]) -> None:
    when = measured()
    # First those in processes of their own: a process begins with its parent's peak of memory.
    registered = register_program.rows(sizes)
    prepared = prepare_program.rows(sizes)
    page = PAGE.read_text(encoding="utf-8")
    tables = {"prepare": prepare_program.table(prepared), "register": register_program.table(registered)}
    for name, table in tables.items():
        print(table)
        page = replaced(page, name, f"{table}\n\nMeasured {when['date']} at commit {when['commit']}.")
    PAGE.write_text(page, encoding="utf-8")
    results = {**when, "prepare": prepared, "register": registered}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(tuple(int(count) for count in sys.argv[1:]) or register_program.SIZES)
