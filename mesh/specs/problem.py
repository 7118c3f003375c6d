"""A mistake in a stack's configuration, told as a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is, what stands there, and what to write instead.

    `path` is the full path in the stack file (`apps.chatgpt-mcp.rollout.canary.percent`), `message` says what is
    allowed and how to mend it. `value` is shown as given; leave it None where there is none or where it is secret.
    """

    path: str
    message: str
    value: object = None

    def __str__(self) -> str:
        shown = "" if self.value is None else f" (given: {self.value!r})"
        return f"{self.path}: {self.message}{shown}"


class InvalidConfig(Exception):
    """Every mistake of a configuration at once, raised before anything is registered."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = "1 mistake" if count == 1 else f"{count} mistakes"
        super().__init__("\n".join([f"{heading} in the configuration:", *(f"  {p}" for p in self.problems)]))
