"""What a rule says about an object, and what a whole run says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

Path = tuple[str | int, ...]
"""Keys and list positions from the root of a manifest."""


class Severity(StrEnum):
    """How bad a finding is, by the harm that is done.

    An error: traffic breaks, Kubernetes, Istio or Envoy refuses the object, or a door is open that its author believes
    shut. A warning: a likely mistake, such as a setting without effect, or harm in some situation. An info: taste, one
    of Istio's own defaults, or what is worth knowing before the next upgrade.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return _RANKS[self]

    def at_least(self, threshold: Severity) -> bool:
        """Whether this is as severe as the threshold, or more."""
        return self.rank <= threshold.rank


class Profile(StrEnum):
    """How much is asked of a mesh.

    `strict` calls what hardens a mesh by what it would cost to go without; `default` leaves taste and Istio's own
    defaults to who wrote the objects, and tells of them as an info.
    """

    DEFAULT = "default"
    STRICT = "strict"


_RANKS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}

_PLAIN_KEY = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$@-]*\Z")


def dotted(path: Path) -> str:
    """A path as people write it: `spec.http[0].match[1].headers["x-user.id"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.match(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of one object. `object` is KIND/NAMESPACE/NAME, or KIND/NAME where the kind has no namespace."""

    code: str
    severity: Severity
    object: str
    path: Path
    message: str
    index: int = -1
    """Which of the objects given to `run`; -1 where the finding is not about one of them."""


@dataclass(frozen=True, slots=True)
class NotJudged:
    """A rule that had nothing to judge by, and what it would need."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A risk that somebody took on, until a day and for a reason (`chatgpt-mesh:accept`, or a comment in the YAML)."""

    code: str
    objects: frozenset[str]
    until: date
    why: str
    where: str
    """Where it is written: a config path, or FILE:LINE."""

    @classmethod
    def of(cls, code: str, objects: str | Iterable[str], *, until: date, why: str, where: str) -> Acceptance:
        """For one object or several, by name."""
        names = [objects] if isinstance(objects, str) else objects
        return cls(code, frozenset(names), until, why, where)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run: findings sorted by object and place, what was accepted, and what could not be judged."""

    findings: Sequence[Finding]
    not_judged: Sequence[NotJudged]
    accepted: Sequence[tuple[Finding, Acceptance]]
    not_followed: Sequence[str] = ()
    """What is among the objects and no rule judges, each as `REASON: OBJECT, ...`."""

    @property
    def errors(self) -> list[Finding]:
        """The findings that are errors."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that are warnings."""
        return [finding for finding in self.findings if finding.severity is Severity.WARNING]
