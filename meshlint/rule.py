"""What a rule is, and how it registers itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meshlint.finding import Profile, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView

    Hits = Iterator["Hit | Unseen"]

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(slots=True)
class Hit:
    """One place where a rule fires. The sentence is `PATH PROBLEM; MEND.`"""

    obj: Manifest
    path: Path
    problem: str
    mend: str
    severity: Severity | None = None
    """Set where this case is more, or less, severe than the rule in general."""
    strict: Severity | None = None
    """Set where the strict profile calls this case otherwise than `severity`."""


@dataclass(slots=True)
class Unseen:
    """One object that the rule did not judge, because what it would look at is not among the objects."""

    obj: Manifest
    lacking: str
    """`VirtualService`, `object of namespace istio-ingress`: in a sentence after 'there is no'."""


class Check(Protocol):
    """The function that a rule is made of: every place of a mesh where it fires, or lacks something to judge by."""

    def __call__(self, mesh: MeshView) -> Iterator[Hit | Unseen]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong, with the page that explains it."""

    code: str
    severity: Severity
    strict: Severity
    """Its severity under the strict profile; never less."""
    title: str
    symptoms: tuple[str, ...]
    """What people notice, in their words: the index by symptom is made of these."""
    why: str
    """What happens and why, for somebody who has never met it. Markdown."""
    bad: str
    good: str
    """The smallest YAML that fires the rule, and the same put right. Tests run both."""
    sources: tuple[str, ...]
    needs: tuple[str, ...]
    """Inputs without which the rule cannot judge: kinds, `workloads`, `installation`, `chart values`."""
    check: Check

    def severity_of(self, hit: Hit, profile: Profile) -> Severity:
        """How bad this hit is under a profile."""
        if profile is Profile.STRICT:
            return hit.strict or hit.severity or self.strict
        return hit.severity or self.severity

    def missing_input(self, mesh: MeshView) -> str:
        """What the rule lacks to judge; empty if nothing."""
        return ", ".join(need for need in self.needs if not _has(mesh, need))


def _has(mesh: MeshView, need: str) -> bool:
    match need:
        case "workloads":
            return bool(mesh.workloads)
        case "gateway workloads":
            return bool(mesh.gateway_workloads)
        case "registry":
            return bool(mesh.services or mesh.service_entries)
        case "installation":
            return mesh.has_installation
        case "chart values":
            return bool(mesh.charts)
        case _:
            return bool(mesh.by_kind.get(need))


RULES: dict[str, Rule] = {}
"""Every registered rule by code. `meshlint.rules.load()` fills it."""


def rule(
    code: str,
    severity: Severity,
    title: str,
    *,
    symptoms: tuple[str, ...],
    why: str,
    bad: str,
    good: str,
    sources: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    strict: Severity | None = None,
) -> Callable[[Check], Rule]:
    """Register the decorated function as a rule."""

    def register(check: Check) -> Rule:
        if code in RULES:
            raise ValueError(f"two rules have the code {code}: {RULES[code].title!r} and {title!r}")
        RULES[code] = Rule(
            code=code,
            severity=severity,
            strict=strict or severity,
            title=title,
            symptoms=symptoms,
            why=why.strip(),
            bad=bad.strip() + "\n",
            good=good.strip() + "\n",
            sources=sources,
            needs=needs,
            check=check,
        )
        return RULES[code]

    return register
