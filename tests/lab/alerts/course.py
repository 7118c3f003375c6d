"""The course of one alert: quiet, a fault, firing, the fault mended, quiet."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.alerts.faults import FAULTS, Scene
from tests.lab.running_lab import eventually

if TYPE_CHECKING:
    from chatgpt_mesh.components.alerts import Alert, Severity

FIRES_WITHIN = 90.0
ENDS_WITHIN = 420.0
"""Seconds. The longest of the short windows is six hours, which are four minutes here."""


@dataclass(frozen=True, slots=True)
class Course:
    """Seconds from a fault to its alert, and from its end to the alert's."""

    alert: Alert
    severity: Severity
    fired_after: float
    ended_after: float

    def __str__(self) -> str:
        return f"| {self.alert} | {self.severity} | {self.fired_after:.0f} | {self.ended_after:.0f} |"


def course(scene: Scene, alert: Alert, severity: Severity) -> Course:
    """Go through it.

    Raises:
        AssertionError: it fired for nothing, did not fire, or did not end.
    """

    def fires() -> bool:
        return any((one["alertname"], one["severity"]) == (alert, severity) for one in scene.prometheus.firing())

    what = f"{alert} ({severity})"
    assert not fires(), f"{what} fires for nothing"
    began = time.monotonic()
    with FAULTS[alert, severity](scene):
        eventually(fires, within=FIRES_WITHIN, what=f"{what} fires")
        fired = time.monotonic()
    mended = time.monotonic()
    eventually(lambda: not fires(), within=ENDS_WITHIN, what=f"{what} has ended")
    return Course(alert, severity, fired - began, time.monotonic() - mended)
