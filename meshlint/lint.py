"""Lint files: load them, run the rules, and find the line of every finding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshlint.collection import without_collection
from meshlint.engine import run
from meshlint.finding import Path, Profile, dotted
from meshlint.load import Loaded, load
from meshlint.view.fields import text
from meshlint.view.manifest import HELM_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from meshlint.environment import Environment
    from meshlint.finding import Acceptance, Finding, NotJudged, Severity


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and where it stands. `excerpt` is the text around it, `excerpt_line` the number of its first line."""

    code: str
    severity: Severity
    object: str
    message: str
    file: str
    line: int
    excerpt: tuple[str, ...]
    excerpt_line: int
    path: Path = ()
    also: tuple[tuple[str, int], ...] = ()
    """(file, line) of further copies of the same object."""

    @property
    def fingerprint(self) -> str:
        """The same as long as the finding is about the same field of the same object, wherever it stands."""
        where = [self.object or self.file, dotted(self.path) if self.path else self.message]
        return hashlib.sha256("\0".join([self.code, *where]).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Linted:
    """What a run over files found, accepted, did not judge and passed over."""

    findings: list[Located]
    accepted: list[tuple[Located, Acceptance]]
    not_judged: Sequence[NotJudged]
    passed_over: list[tuple[str, str]]
    objects: int
    files: int = 0
    known: int = 0
    """Findings of the baseline, which are not among `findings`."""
    mended: tuple[str, ...] = ()
    """What the baseline knows and is not found any more."""
    not_followed: tuple[str, ...] = ()
    """What is among the objects and no rule judges."""

    def reported(self, wanted: Callable[[Located], bool]) -> Linted:
        """The same, with those findings only."""
        return replace(self, findings=[found for found in self.findings if wanted(found)])

    def without(self, baseline: Mapping[str, str]) -> Linted:
        """The same, without the findings of a baseline."""
        new = [found for found in self.findings if found.fingerprint not in baseline]
        seen = {found.fingerprint for found in self.findings}
        mended = tuple(said for fingerprint, said in baseline.items() if fingerprint not in seen)
        return replace(self, findings=new, known=len(self.findings) - len(new), mended=mended)


CONTEXT_LINES = 1
"""How many lines an excerpt shows before and after the finding's own."""


def lint(
    arguments: Sequence[str], *, today: date, environment: Environment, profile: Profile = Profile.DEFAULT
) -> Linted:
    """Lint the named files and directories. Raises FileNotFoundError for a name that does not exist."""
    with without_collection():
        return judge(load(arguments), today=today, environment=environment, profile=profile)


def judge(loaded: Loaded, *, today: date, environment: Environment, profile: Profile = Profile.DEFAULT) -> Linted:
    """Run the rules over what was loaded; of objects that are the same in everything, over one."""
    firsts, copies = _distinct(loaded)
    objects = [loaded.objects[index] for index in firsts]
    report = run(objects, today=today, accept=loaded.acceptances, environment=environment, profile=profile)
    lines = _Lines(loaded)

    def located(finding: Finding) -> Located:
        if finding.index < 0:
            return _locate_acceptance(finding)
        first = firsts[finding.index]
        return _locate(finding, first, copies.get(first, ()), loaded, lines)

    findings = [
        Located(trouble.code, trouble.severity, trouble.object, trouble.message, trouble.file, trouble.line, (), 1)
        for trouble in loaded.troubles
    ]
    findings += map(located, report.findings)
    findings.sort(key=lambda found: (found.file, found.line, found.severity.rank, found.code))
    accepted = [(located(finding), acceptance) for finding, acceptance in report.accepted]
    files = len({place.chunk.file for place in loaded.places})
    return Linted(
        findings, accepted, report.not_judged, loaded.passed_over, len(objects), files,
        not_followed=tuple(report.not_followed),
    )  # fmt: skip


def _distinct(loaded: Loaded) -> tuple[list[int], dict[int, list[int]]]:
    """The positions of objects that no earlier one equals, and those of the copies of each."""
    firsts: list[int] = []
    copies: dict[int, list[int]] = {}
    named: dict[tuple[object, ...], list[int]] = {}
    for index, obj in enumerate(loaded.objects):
        key = (text(obj, "kind"), text(obj, "metadata", "namespace"), text(obj, "metadata", "name"))
        alike = named.setdefault(key, [])
        original = next((first for first in alike if loaded.objects[first] == obj), None)
        if original is None:
            alike.append(index)
            firsts.append(index)
        else:
            copies.setdefault(original, []).append(index)
    return firsts, copies


class _Lines:
    """Chunks split into lines, each at most once."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._split: dict[int, list[str]] = {}

    def around(self, index: int, line: int) -> tuple[tuple[str, ...], int]:
        chunk = self._loaded.places[index].chunk
        split = self._split.get(id(chunk))
        if split is None:
            split = self._split[id(chunk)] = chunk.text.decode(errors="replace").splitlines()
        position = line - chunk.first_line
        first = max(0, position - CONTEXT_LINES)
        return tuple(split[first : position + CONTEXT_LINES + 1]), chunk.first_line + first


def _locate(finding: Finding, index: int, copies: Sequence[int], loaded: Loaded, lines: _Lines) -> Located:
    place = loaded.places[index]
    line = place.line_of(finding.path)
    excerpt, excerpt_line = lines.around(index, line)
    name = finding.object.removeprefix(f"{HELM_VALUES}/") if place.stands_for else finding.object
    message = finding.message
    if place.stands_for:
        # The file shows `meshConfig.x`, not the stand-in's `values.meshConfig.x`.
        message = message.removeprefix(".".join(map(str, place.stands_for)) + ".")
    also = tuple((loaded.places[one].chunk.file, loaded.places[one].line_of(finding.path)) for one in copies)
    return Located(
        finding.code, finding.severity, name, message, place.chunk.file, line, excerpt, excerpt_line, finding.path, also
    )


def _locate_acceptance(finding: Finding) -> Located:
    """An acceptance says itself where it is written: `FILE:LINE accepts ...`."""
    where, _, text = finding.message.partition(" ")
    file, _, line = where.rpartition(":")
    return Located(
        finding.code, finding.severity, finding.object, f"the comment {text}", file, int(line) if line else 1, (), 1
    )
