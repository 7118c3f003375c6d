"""What Prometheus is asked of a canary, by alerts and by a rollout in steps. Pure.

Metrics are Istio's standard ones: https://istio.io/latest/docs/reference/config/metrics/. They are counted where a call
begins, `reporter="source"`: a connection that breaks is counted there alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.rollout import counted_as

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.app import AppSpec


@dataclass(frozen=True, slots=True)
class Comparison:
    """The canary may be as bad as `times` the stable version, and always as bad as `floor`."""

    times: float
    floor: float

    def bound(self, stable: float | None) -> float:
        """The largest good number; `stable` is None where the stable version has no traffic."""
        return self.floor if stable is None else max(self.floor, self.times * stable)


FAILING = Comparison(times=2, floor=0.01)
"""Share of answers that are 5xx."""
SLOW = Comparison(times=1.5, floor=250)
"""Milliseconds at the 95th percentile."""


@dataclass(frozen=True, slots=True)
class CanaryQueries:
    """PromQL about an app's two versions; `canary` and `stable` are what proxies report as `destination_version`."""

    service: str
    canary: str
    stable: str
    window: str

    @classmethod
    def of(cls, app: AppSpec, window: str) -> CanaryQueries | None:
        """None where no label tells the versions apart: by their labels, or because a controller gives pods both."""
        rollout = app.rollout
        if rollout is None or rollout.canary is None or rollout.managed_by != "stack":
            return None
        names = (rollout.canary.version, rollout.stable)
        canary, stable = (counted_as(name, app.versions[name]) for name in names)
        if canary is None or stable is None:
            return None
        return cls(app.service_host, canary, stable, window)

    def _of(self, version: str, metric: str = "istio_requests_total", more: str = "") -> str:
        called = f'reporter="source",destination_service="{self.service}",destination_version="{version}"'
        return f"{metric}{{{called}{more}}}[{self.window}]"

    def requests(self, version: str) -> str:
        """Within the window."""
        return f"sum(increase({self._of(version)}))"

    def failing(self, version: str) -> str:
        """Share of 5xx, 0 to 1."""
        failed = self._of(version, more=',response_code=~"5.."')
        return f"(sum(rate({failed})) or vector(0)) / sum(rate({self._of(version)}))"

    def p95(self, version: str) -> str:
        """Milliseconds."""
        buckets = self._of(version, "istio_request_duration_milliseconds_bucket")
        return f"histogram_quantile(0.95, sum by (le) (rate({buckets})))"
