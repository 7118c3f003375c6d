"""The way of one canary: a share is deployed, watched, and followed by the next, or taken back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chatgpt_mesh.mesh.specs.spec import duration_text
from chatgpt_mesh.rollout.answers import Decision, decision, remaining
from chatgpt_mesh.rollout.prometheus import PrometheusAwayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatgpt_mesh.rollout.answers import Observation
    from chatgpt_mesh.rollout.guards import Ask, Guards

ASKED_PER_PAUSE = 4
"""A bad share is taken back at the first of these that is sure of it, a good one is followed after the last."""
PAUSES = 3
"""How many of them a share may take to have its least requests."""
ATTEMPTS = 3
"""How often Prometheus is asked before it counts as away, `_BETWEEN_SECONDS` apart."""
_BETWEEN_SECONDS = 5.0


class Deploys(Protocol):
    def move(self, app: str, percent: int) -> None: ...


class Waits(Protocol):
    """`threading.Event`: set when somebody has interrupted."""

    def wait(self, timeout: float) -> bool: ...
    def is_set(self) -> bool: ...


class StoppedError(Exception):
    """The rollout stays where it is; the message says why."""


class TakenBackError(Exception):
    """The canary has no share any more; the message says which guard, its number and its bound."""


@dataclass(frozen=True, slots=True)
class Walk:
    guards: Guards
    ask: Ask
    engine: Deploys
    interrupted: Waits
    say: Callable[[str], None]
    now: Callable[[], float] = time.monotonic

    def go(self) -> None:
        """From the declared share to the last.

        Raises:
            StoppedError: interrupted, Prometheus is away, or there are too few requests to say anything.
            TakenBackError: a guard was broken.
            EngineError: Pulumi did not deploy a share.
            QueryRefusedError: Prometheus does not take a question.
        """
        app, canary, steps = self.guards.app, self.guards.canary, self.guards.steps
        at = canary.percent
        # Before anything is changed: a question that Prometheus does not take would leave a share unwatched.
        self._observe(max(1, int(steps.pause.total_seconds())))
        for percent in remaining(steps.percents, at):
            if self.interrupted.is_set():
                raise StoppedError(f"Interrupted at {at} %.")
            if percent != at:
                self.engine.move(app.name, percent)
                at = percent
            self.say(f"{percent} % of {app.name} go to {canary.version}: watched for {duration_text(steps.pause)}.")
            breaches = self._watched(at)
            if breaches:
                self.say(f"Taking it back: {'; '.join(breaches)}.")
                self.engine.move(app.name, 0)
                raise TakenBackError(
                    f"{canary.version} of {app.name} was taken back from {percent} % to 0 %: {'; '.join(breaches)}."
                )

    def _watched(self, percent: int) -> tuple[str, ...]:
        """What a guard says against this share; nothing when it is good."""
        steps, began = self.guards.steps, self.now()
        pause = steps.pause.total_seconds()
        seen = 0.0
        for turn in range(1, PAUSES * ASKED_PER_PAUSE + 1):
            if self.interrupted.wait(pause / ASKED_PER_PAUSE):
                raise StoppedError(f"Interrupted at {percent} %.")
            # No further back than this share: what was seen of an earlier try says nothing of this one.
            observation = self._observe(max(1, int(self.now() - began)))
            seen = observation.requests
            match decision(observation, steps.least_requests):
                case Decision.BACK:
                    return observation.breaches
                case Decision.GOOD if turn >= ASKED_PER_PAUSE:
                    self.say(f"{percent} % are good: {', '.join(map(str, observation.answers))}.")
                    return ()
                case _:
                    pass
        raise StoppedError(
            f"At {percent} % the canary had {seen:.0f} requests in {duration_text(steps.pause * PAUSES)}, and "
            f"{steps.least_requests} (least_requests) are needed to say anything."
        )

    def _observe(self, seconds: int) -> Observation:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.guards.observe(self.ask, seconds)
            except PrometheusAwayError as error:
                if attempt == ATTEMPTS:
                    raise StoppedError(f"Prometheus is away: {error}.") from None
                if self.interrupted.wait(_BETWEEN_SECONDS):
                    raise StoppedError("Interrupted while Prometheus was away.") from None
        raise AssertionError("the last attempt raises or returns")
