"""Counts of what is said about objects that are not wrong on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meshlint.finding import Severity
from meshlint.lint import Located
from tests.unit.meshlint.alarms.corpus import Piece
from tests.unit.meshlint.alarms.looked_at import reason
from tests.unit.meshlint.alarms.wrong import Wrong, place


@dataclass(frozen=True)
class Alarm:
    """A finding on an object that Istio's tools have nothing against."""

    file: str
    found: Located

    @property
    def true(self) -> str:
        """Why it is right all the same; empty if it is a false alarm."""
        return reason(self.found.code, self.file, self.found.object)


@dataclass
class Half:
    """One half of the corpus, or all of it."""

    files: set[str] = field(default_factory=set[str])
    objects: int = 0
    on_wrong: int = 0
    """Findings on objects that are wrong on purpose."""
    alarms: list[Alarm] = field(default_factory=list[Alarm])

    def of(self, *severities: Severity) -> list[Alarm]:
        return [alarm for alarm in self.alarms if alarm.found.severity in severities]

    @property
    def false(self) -> list[Alarm]:
        """Errors and warnings that say what is not so; an info never fails a run, and is counted beside."""
        return [alarm for alarm in self.of(Severity.ERROR, Severity.WARNING) if not alarm.true]

    def per_hundred(self, alarms: Iterable[Alarm]) -> float:
        """Of 100 objects."""
        return 100 * sum(1 for _ in alarms) / self.objects


def measured(pieces: Iterable[Piece], wrong: Wrong) -> dict[str, Half]:
    """The tuning half, the held-out half, and both."""
    halves = {name: Half() for name in ("tuning", "held out", "all")}
    for piece in pieces:
        linted = piece.linted()
        theirs = wrong.get(place(piece), {})
        for half in (halves["held out" if piece.held_out else "tuning"], halves["all"]):
            half.files.add(piece.file)
            half.objects += linted.objects
            for found in linted.findings:
                if found.object in theirs or "invalid" in piece.file:
                    half.on_wrong += 1
                else:
                    half.alarms.append(Alarm(piece.file, found))
    return halves


def by_code(alarms: Iterable[Alarm]) -> Mapping[tuple[str, str], int]:
    """How many of each code and severity."""
    counted = Counter((alarm.found.code, alarm.found.severity.value) for alarm in alarms)
    return dict(sorted(counted.items()))
