"""Rules over a set of Istio objects, whoever wrote them.

Each name is loaded from its module at first use: every module of the package runs this one first, so importing the
engine here would make each of them depend on all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshlint.engine import run
    from meshlint.environment import Environment
    from meshlint.finding import Acceptance, Finding, NotJudged, Profile, Report, Severity
    from meshlint.view.charts import helm_values

__all__ = [
    "Acceptance",
    "Environment",
    "Finding",
    "NotJudged",
    "Profile",
    "Report",
    "Severity",
    "helm_values",
    "run",
]

_MODULES = {
    "Acceptance": "finding",
    "Environment": "environment",
    "Finding": "finding",
    "NotJudged": "finding",
    "Profile": "finding",
    "Report": "finding",
    "Severity": "finding",
    "helm_values": "view.charts",
    "run": "engine",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
