"""The table of behaviours with what became of each: `make report`, or `python -m tests.lab.report [PYTEST ARGUMENTS]`.

The same table, the picture of the stack (`MESH`, staging if it is not said), who reaches what, the findings and the
figures of the last benchmark go into one page, report.html.

Exit code: pytest's own, so that a failing behaviour fails the command.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chatgpt_mesh.review.page.document import Table, Verdict
from chatgpt_mesh.review.page.page import page
from chatgpt_mesh.review.version import Version
from tests.benchmarks.figures import said
from tests.benchmarks.page import SERIES, measured
from tests.benchmarks.series import HEADINGS
from tests.lab.behaviours import ROOT, Behaviour, behaviours, number_of

if TYPE_CHECKING:
    from tests.benchmarks.figures import Results
    from tests.benchmarks.series import Series

PAGE = ROOT / "report.html"


@dataclass(slots=True)
class Outcome:
    """What became of one behaviour's tests."""

    passed: int = 0
    failed: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        if self.failed:
            return "fail"
        if self.skipped or not self.passed:
            return "not run"
        return "pass"

    @property
    def reason(self) -> str:
        return "; ".join(dict.fromkeys(self.failed or self.skipped))


class Collector:
    """A pytest plugin that keeps each behaviour's outcome."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = defaultdict(Outcome)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        number = number_of(Path(report.location[0]))
        if number is None:
            return
        outcome = self.outcomes[number]
        outcome.seconds += report.duration
        if report.failed:
            outcome.failed.append(f"{report.location[2]}: {_last_line(report)}")
        elif report.skipped:
            outcome.skipped.append(_skip_reason(report))
        elif report.when == "call":
            outcome.passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        number = number_of(Path(report.nodeid))
        if report.failed and number is not None:
            self.outcomes[number].failed.append("the file cannot be imported")


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return (text.strip().splitlines() or [""])[0][:160]


def _skip_reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def table(rows: list[Behaviour], outcomes: dict[str, Outcome]) -> str:
    """One line per behaviour; the reason stands below where there is one."""
    lines = [f"{'#':<4} {'result':<8} {'time':>7}  then"]
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        outcome = outcomes.get(row.number, Outcome())
        reason = outcome.reason or ("" if row.test else "no test yet")
        counts[outcome.verdict] += 1
        time = f"{outcome.seconds:.1f} s" if outcome.passed or outcome.failed else ""
        lines.append(f"{row.number:<4} {outcome.verdict:<8} {time:>7}  {row.then}")
        if reason:
            lines.append(f"{'':<22}({reason})")
    total = sum(outcome.seconds for outcome in outcomes.values())
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("pass", "fail", "not run"))
    return "\n".join([*lines, "", f"{summary}; {total:.0f} s"])


def behaviours_section(rows: list[Behaviour], outcomes: dict[str, Outcome]) -> Table:
    """The table of the page. A behaviour that has not run is neither good nor bad."""
    lines: list[list[str]] = []
    verdicts: list[Verdict] = []
    colours: dict[str, Verdict] = {"pass": "good", "fail": "bad", "not run": "unknown"}
    for row in rows:
        outcome = outcomes.get(row.number, Outcome())
        reason = outcome.reason or ("" if row.test else "no test yet")
        time = f"{outcome.seconds:.1f} s" if outcome.passed or outcome.failed else ""
        given, then = row.given.replace("`", ""), row.then.replace("`", "")
        lines.append([row.number, given, then, outcome.verdict, time, reason])
        verdicts.append(colours[outcome.verdict])
    counts = Counter(line[3] for line in lines)
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in colours)
    headings = ("#", "given, or when", "then", "result", "time", "why")
    return Table("Behaviours", headings, lines, f"{summary}. Requests in the lab.", verdicts, judged=3)


def benchmark_sections(series: Series, results: Results) -> list[Table]:
    """One table for each thing that is measured, as docs/performance.md has it."""
    return [
        Table(f"Benchmark: {place}", ("what", *HEADINGS), [row.cells for row in rows], said(results))
        for place, rows in series.tables(results).items()
        if rows
    ]


def write_page(outcomes: dict[str, Outcome]) -> None:
    today = datetime.now(tz=UTC).date()
    stack = os.environ.get("MESH", "staging")
    version = Version.read(stack, ROOT / f"Pulumi.{stack}.yaml", today)
    benchmarks = [table for series in SERIES for run in measured(series) for table in benchmark_sections(series, run)]
    tables = [behaviours_section(behaviours(), outcomes), *benchmarks]
    PAGE.write_text(page(version, tables=tables, day=today.isoformat()), encoding="utf-8")


def main(arguments: list[str]) -> int:
    collector = Collector()
    paths = [str(row.test) for row in behaviours() if row.test]
    code = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *(arguments or paths)], plugins=[collector])
    print("\n" + table(behaviours(), collector.outcomes))
    write_page(collector.outcomes)
    print(f"The page: {PAGE}")
    return int(code)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
