"""A canary with steps, and a Prometheus, an engine and a clock that do what a test says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.app import AppSpec
from chatgpt_mesh.rollout.guards import Guards
from chatgpt_mesh.rollout.walk import Walk
from tests.unit.mesh.stack import mesh

if TYPE_CHECKING:
    from collections.abc import Callable

VERSIONS = "versions: {v1: {}, v2: {}}"
STEPS = "{percents: [5, 50, 100], pause: 60s}"


def app(percent: int = 0, steps: str = STEPS, versions: str = VERSIONS) -> AppSpec:
    canary = f"{{version: v2, percent: {percent}, steps: {steps}}}"
    return mesh(f"{{{versions}, rollout: {{stable: v1, canary: {canary}}}}}").spec.apps["chatgpt-mcp"]


def guards(percent: int = 0, steps: str = STEPS) -> Guards:
    declared = app(percent, steps)
    assert declared.rollout is not None
    canary = declared.rollout.canary
    assert canary is not None
    assert canary.steps is not None
    return Guards(declared, canary, canary.steps)


@dataclass
class World:
    """What is deployed, how late it is, and what Prometheus says at each share."""

    percent: int = 0
    fails: Callable[[int], float | None] = lambda _percent: 0.0
    """Share of the canary's 5xx."""
    requests: float = 1000.0
    moves: list[int] = field(default_factory=list[int])
    said: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    interrupt_at: float | None = None
    away: Exception | None = None
    fails_to_move: Exception | None = None
    _interrupted: threading.Event = field(default_factory=threading.Event)

    def ask(self, query: str) -> float | None:
        self.asked.append(query)
        if self.away is not None:
            raise self.away
        if query.startswith("sum(increase"):
            return self.requests
        if "5.." in query and 'destination_version!~"v1"' in query:
            return self.fails(self.percent)
        return 0.0 if "5.." in query else 20.0

    def move(self, app: str, percent: int) -> None:
        self.moves.append(percent)
        if self.fails_to_move is not None:
            raise self.fails_to_move
        self.percent = percent

    def wait(self, timeout: float) -> bool:
        self.seconds += timeout
        if self.interrupt_at is not None and self.seconds >= self.interrupt_at:
            self._interrupted.set()
        return self.is_set()

    def is_set(self) -> bool:
        return self._interrupted.is_set()

    def walk(self, steps: str = STEPS) -> Walk:
        watched = guards(self.percent, steps)
        return Walk(watched, self.ask, self, self, self.said.append, lambda: self.seconds)
