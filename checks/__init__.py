"""Rules over a set of Istio objects, whoever wrote them."""

from __future__ import annotations

from checks.engine import helm_values, run
from checks.environment import Environment
from checks.finding import Acceptance, Finding, NotJudged, Report, Severity

__all__ = ["Acceptance", "Environment", "Finding", "NotJudged", "Report", "Severity", "helm_values", "run"]
