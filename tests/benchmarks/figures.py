"""Figures as they are kept: one JSON file for each series below docs/benchmarks, which says when and where."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.surroundings import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "docs" / "benchmarks"

Results = dict[str, Any]

_PROCESSORS = Path("/proc/cpuinfo")


def conditions() -> dict[str, Any]:
    """Today's date, the commit that is checked out, the machine, and how many processes wanted its cores just before.

    To be asked before anything is measured: the load is that of what runs beside.
    """
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return {
        "date": f"{datetime.now(tz=UTC):%Y-%m-%d}",
        "commit": commit,
        "machine": _machine(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    named = platform.machine()
    if _PROCESSORS.exists():
        lines = _PROCESSORS.read_text(encoding="utf-8").splitlines()
        named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), named)
    return f"{named}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def said(results: Mapping[str, Any]) -> str:
    """The line below a table."""
    return (
        f"Measured {results['date']} at commit {results['commit']} on {results['machine']}; "
        f"load of the machine before it began: {results['load_before']}."
    )


def save(name: str, results: Results) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def load(name: str) -> Results | None:
    """What was measured of a series; None where it never was."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def replaced(page: str, name: str, text: str) -> str:
    """The page with a new text between `<!-- NAME -->` and `<!-- end -->`.

    Raises:
        ValueError: it has no such place.
    """
    start = f"<!-- {name} -->\n"
    before, found, rest = page.partition(start)
    if not found:
        raise ValueError(f"the page has no line {start.strip()}")
    return f"{before}{start}{text}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
