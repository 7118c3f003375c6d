"""What Prometheus is asked of a canary, by alerts and by a rollout in steps. Pure.

Metrics are Istio's standard ones: https://istio.io/latest/docs/reference/config/metrics/. They are counted where a call
begins, `reporter="source"`: a connection that breaks is counted there alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.rollout import counted_as, told_apart

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
    """PromQL about an app's versions. `canary` and `stable` select their requests.

    What no pod answered has no version. While a canary is on trial that is held against it: one whose pods are all
    unready or gone would otherwise have no requests, and nothing to be blamed for.
    """

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
        if not told_apart(rollout, rollout.canary, app.versions):
            return None
        counted = {name: counted_as(name, version) for name, version in app.versions.items()}
        canary, stable = counted[rollout.canary.version], counted[rollout.stable]
        others = {label for label in counted.values() if label not in (None, canary)}
        pattern = "|".join(sorted(label.replace(".", "[.]") for label in others if label))
        return cls(app.service_host, f'destination_version!~"{pattern}"', f'destination_version="{stable}"', window)

    def _of(self, version: str, metric: str = "istio_requests_total", more: str = "") -> str:
        called = f'reporter="source",destination_service="{self.service}",{version}'
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
