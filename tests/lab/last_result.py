"""The end of a page of the documentation that a long run writes: its last result."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from lab.state import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HEADING = "## Last result\n"


def replace(page: Path, result: Callable[[str], str]) -> None:
    """`result` makes the new one of the one before."""
    text, _, before = page.read_text(encoding="utf-8").partition(_HEADING)
    page.write_text(f"{text}{_HEADING}\n{result(before)}", encoding="utf-8")


def commit(page: Path) -> str:
    """What the checkout is at, and whether more than the page itself has changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{page.relative_to(CHECKOUT)}")
    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
