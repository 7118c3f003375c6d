"""A mistake in a stack's configuration, told as a sentence."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.message import InvalidMessage
from chatgpt_mesh.mesh.specs.scalar import shortened

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


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
        shown = "" if self.value is None else f" (given: {shortened(repr(self.value))})"
        return f"{self.path}: {self.message}{shown}"


class InvalidConfig(Exception):
    """Every mistake of a configuration at once, raised before anything is registered."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = "1 mistake" if count == 1 else f"{count} mistakes"
        super().__init__("\n".join([f"{heading} in the configuration:", *(f"  {p}" for p in self.problems)]))


def refused_by_istio(path: str, error: InvalidMessage) -> list[Problem]:
    """What Istio's types say of an object, at the declaration that it stands for.

    The specs refuse such a value themselves and say it better; this is for the one that nobody has thought of.
    """
    return [
        Problem(path, f"stands for an object that Istio's types refuse ({shortened(sentence)}); mend the value")
        for sentence in error.problems
    ]


@contextmanager
def declared_at(path: str) -> Generator[None]:
    """Raises InvalidConfig with the path, where something that is built here is refused by Istio's types."""
    try:
        yield
    except InvalidMessage as error:
        raise InvalidConfig(refused_by_istio(path, error)) from None
