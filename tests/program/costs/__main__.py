"""Writes the page anew: `python -m tests.program.costs`, after the inventories."""

from __future__ import annotations

from tests.program.costs import PAGE, written

PAGE.write_text(written(), encoding="utf-8")
print(PAGE)
