"""The rows of docs/behaviours.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "behaviours.md"
_ROW = re.compile(r"^\| (?P<number>B\d\d) \| (?P<given>.*) \| (?P<then>.*) \| (?P<test>\S+) \|$", re.MULTILINE)
_TEST_FILE = re.compile(r"test_(?:lab_z\w_)?(?P<number>b\d\d)_\w+\.py")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One row: its number, what is given or happens, what must follow, and the file that shows it."""

    number: str
    given: str
    then: str
    test: Path | None


def behaviours() -> list[Behaviour]:
    """Every row in the order of the table."""
    return [
        Behaviour(row["number"], row["given"], row["then"], None if row["test"] == "-" else _test_file(row["test"]))
        for row in _ROW.finditer(TABLE.read_text(encoding="utf-8"))
    ]


def _test_file(cell: str) -> Path:
    return ROOT / "tests" / "lab" / cell.strip("`")


def number_of(path: Path) -> str | None:
    """`B01` for `test_b01_....py`, None for another file."""
    match = _TEST_FILE.fullmatch(path.name)
    return match["number"].upper() if match else None


def files_by_number() -> dict[str, Path]:
    """Behaviour number -> its test file, as the directory has them."""
    found = sorted((ROOT / "tests" / "lab").glob("test_*b[0-9][0-9]_*.py"))
    return {number: path for path in found if (number := number_of(path))}
