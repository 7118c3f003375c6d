"""From a declaration to questions, and from their answers to an observation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatgpt_mesh.components.canary_queries import FAILING, SLOW, CanaryQueries
from chatgpt_mesh.mesh.specs.rollout import counted_as
from chatgpt_mesh.rollout.answers import Answer, Observation

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.rollout import CanaryConfig
    from chatgpt_mesh.mesh.specs.rollout_steps import GuardSpec, StepsSpec

Ask = Callable[[str], float | None]
"""PromQL to one number; None where there is none."""

FAILS, SLOWER = "CanaryFailsMoreThanStable", "CanaryIsSlowerThanStable"
"""By the names of the alerts that ask the same."""


@dataclass(frozen=True, slots=True)
class Guards:
    """What is asked of one app's canary."""

    app: AppSpec
    canary: CanaryConfig
    steps: StepsSpec

    def observe(self, ask: Ask, seconds: int) -> Observation:
        """Ask everything, about the last `seconds`."""
        window = f"{seconds}s"
        answers: list[Answer] = []
        queries = CanaryQueries.of(self.app, window)
        if self.steps.compare and queries is not None:
            canary, stable = queries.canary, queries.stable
            bound = FAILING.bound(ask(queries.failing(stable)))
            answers.append(Answer(guard=FAILS, number=ask(queries.failing(canary)), at_most=bound, unit="share"))
            bound = SLOW.bound(ask(queries.p95(stable)))
            answers.append(Answer(guard=SLOWER, number=ask(queries.p95(canary)), at_most=bound, unit="ms"))
        for name, guard in self.steps.guards.items():
            number = ask(self._filled(guard, window))
            answers.append(Answer(guard=name, number=number, at_most=guard.at_most, at_least=guard.at_least))
        return Observation(ask(self._requests(window)) or 0.0, answers)

    def _requests(self, window: str) -> str:
        queries = CanaryQueries.of(self.app, window)
        if queries is not None:
            return queries.requests(queries.canary)
        # Without a label of the canary's own the whole app's requests are the nearest that is counted.
        called = f'reporter="source",destination_service="{self.app.service_host}"'
        return f"sum(increase(istio_requests_total{{{called}}}[{window}]))"

    def _filled(self, guard: GuardSpec, window: str) -> str:
        version = counted_as(self.canary.version, self.app.versions[self.canary.version])
        values = {"$version": version or self.canary.version, "$service": self.app.service_host, "$window": window}
        query = guard.query
        for name, value in values.items():
            query = query.replace(name, value)
        return query
