"""Rules over a set of Istio objects, whoever wrote them."""

from __future__ import annotations

from meshlint.engine import helm_values, run
from meshlint.environment import Environment
from meshlint.finding import Acceptance, Finding, NotJudged, Report, Severity

__all__ = ["Acceptance", "Environment", "Finding", "NotJudged", "Report", "Severity", "helm_values", "run"]
