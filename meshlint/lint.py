"""Lint files: load them, run the rules, and find the line of every finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.collection import without_collection
from meshlint.engine import run
from meshlint.load import Loaded, load
from meshlint.view.manifest import HELM_VALUES

if TYPE_CHECKING:
    from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Linted:
    """What a run over files found, accepted, did not judge and passed over."""

    findings: list[Located]
    accepted: list[tuple[Located, Acceptance]]
    not_judged: Sequence[NotJudged]
    passed_over: list[tuple[str, str]]
    objects: int


CONTEXT_LINES = 1
"""How many lines an excerpt shows before and after the finding's own."""


def lint(arguments: Sequence[str], *, today: date, environment: Environment) -> Linted:
    """Lint the named files and directories. Raises FileNotFoundError for a name that does not exist."""
    with without_collection():
        return judge(load(arguments), today=today, environment=environment)


def judge(loaded: Loaded, *, today: date, environment: Environment) -> Linted:
    """Run the rules over what was loaded."""
    report = run(loaded.objects, today=today, accept=loaded.acceptances, environment=environment)
    lines = _Lines(loaded)
    findings = [
        Located(trouble.code, trouble.severity, trouble.object, trouble.message, trouble.file, trouble.line, (), 1)
        for trouble in loaded.troubles
    ]
    findings += [_locate(finding, loaded, lines) for finding in report.findings]
    findings.sort(key=lambda found: (found.file, found.line, found.severity.rank, found.code))
    accepted = [(_locate(finding, loaded, lines), acceptance) for finding, acceptance in report.accepted]
    return Linted(findings, accepted, report.not_judged, loaded.passed_over, len(loaded.objects))


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


def _locate(finding: Finding, loaded: Loaded, lines: _Lines) -> Located:
    if finding.index < 0:
        return _locate_acceptance(finding)
    place = loaded.places[finding.index]
    line = place.line_of(finding.path)
    excerpt, excerpt_line = lines.around(finding.index, line)
    name = finding.object.removeprefix(f"{HELM_VALUES}/") if place.stands_for else finding.object
    message = finding.message
    if place.stands_for:
        # The file shows `meshConfig.x`, not the stand-in's `values.meshConfig.x`.
        message = message.removeprefix(".".join(map(str, place.stands_for)) + ".")
    return Located(finding.code, finding.severity, name, message, place.chunk.file, line, excerpt, excerpt_line)


def _locate_acceptance(finding: Finding) -> Located:
    """An acceptance says itself where it is written: `FILE:LINE accepts ...`."""
    where, _, text = finding.message.partition(" ")
    file, _, line = where.rpartition(":")
    return Located(
        finding.code, finding.severity, finding.object, f"the comment {text}", file, int(line) if line else 1, (), 1
    )
