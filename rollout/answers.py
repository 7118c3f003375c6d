"""What Prometheus has said of a canary, and what follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Unit = Literal["share", "ms", "number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The number that a guard was given (None: Prometheus has none), and what it may be."""

    guard: str
    number: float | None
    at_most: float | None = None
    at_least: float | None = None
    unit: Unit = "number"

    @property
    def breach(self) -> str | None:
        """The guard, its number and its bound as a sentence's part; None where the number is good, or there is none."""
        if self.number is None:
            return None
        if self.at_most is not None and self.number > self.at_most:
            return f"{self.guard} is {self._shown(self.number)} and may be at most {self._shown(self.at_most)}"
        if self.at_least is not None and self.number < self.at_least:
            return f"{self.guard} is {self._shown(self.number)} and must be at least {self._shown(self.at_least)}"
        return None

    def __str__(self) -> str:
        return f"{self.guard} {'has no number' if self.number is None else self._shown(self.number)}"

    def _shown(self, number: float) -> str:
        match self.unit:
            case "share":
                return f"{number * 100:.3g} %"
            case "ms":
                return f"{number:.4g} ms"
            case _:
                return f"{number:.6g}"


@dataclass(frozen=True, slots=True)
class Observation:
    """What was answered at one moment. `requests`: of the canary, within the time that was asked about."""

    requests: float
    answers: Sequence[Answer]

    @property
    def breaches(self) -> tuple[str, ...]:
        return tuple(told for answer in self.answers if (told := answer.breach))


class Decision(Enum):
    """What an observation says of a share."""

    BACK = "back"
    UNKNOWN = "unknown"
    GOOD = "good"


def decision(observation: Observation, least_requests: int) -> Decision:
    """Few requests decide nothing: one failure of three is no rate."""
    if observation.requests < least_requests:
        return Decision.UNKNOWN
    return Decision.BACK if observation.breaches else Decision.GOOD


def remaining(percents: Sequence[int], declared: int) -> tuple[int, ...]:
    """The shares that are still to be watched, the declared one first: it may have been watched half-way, or not."""
    ahead = tuple(percent for percent in percents if percent > declared)
    return (declared, *ahead) if declared else ahead
