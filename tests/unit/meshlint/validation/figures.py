"""How many objects that Istio refuses the linter names, and how many that it takes the linter calls refused."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import meshlint
from meshlint import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshlint.finding import Finding
    from tests.unit.meshlint.validation.authority import Verdict
    from tests.unit.meshlint.validation.valid_objects import Json

TODAY = date(2026, 12, 1)
REFUSED = "the API server refuses the object"
"""The symptom of every rule that says so."""
ALSO_NAMES = frozenset({"MCP601"})
"""Errors that name a reason of Istio's, and also things that Istio takes and Envoy refuses: expressions in CEL."""


@dataclass(slots=True)
class Count:
    """Objects of one kind, or of all: how many there are, and what was said of them."""

    refused: int = 0
    named: int = 0
    messages: dict[tuple[str, str], list[bool]] = field(default_factory=lambda: defaultdict(list))
    """Whether each object was named, by its kind and Istio's reason to refuse it."""
    taken: int = 0
    called_refused: int = 0

    def add(self, kind: str, verdict: Verdict, *, claimed: bool, named: bool) -> None:
        if verdict.refused:
            self.refused += 1
            self.named += named
            self.messages[kind, verdict.message].append(named)
        else:
            self.taken += 1
            self.called_refused += claimed

    @property
    def share_of_objects(self) -> float:
        """Named among refused objects, 0 to 1."""
        return self.named / self.refused if self.refused else 1.0

    @property
    def whole_messages(self) -> int:
        """Reasons of which every object is named."""
        return sum(all(one) for one in self.messages.values())

    @property
    def share_of_messages(self) -> float:
        """The same as a share of all reasons, 0 to 1."""
        return self.whole_messages / len(self.messages) if self.messages else 1.0

    @property
    def share_called_refused(self) -> float:
        """Called refused among taken objects, 0 to 1."""
        return self.called_refused / self.taken if self.taken else 0.0


@dataclass(slots=True)
class Figures:
    """Counts by kind, and the objects that were judged wrongly."""

    kinds: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    whole: Count = field(default_factory=Count)
    missed: list[tuple[Json, Verdict]] = field(default_factory=list)
    called_refused: list[tuple[Json, Finding]] = field(default_factory=list)


def distinct(objects: Iterable[Json]) -> list[Json]:
    """Each object once."""
    return list({json.dumps(one, sort_keys=True): one for one in objects}.values())


def measured(objects: Sequence[Json], verdicts: Sequence[Verdict]) -> Figures:
    """Lint every object on its own, and compare with Istio's verdict."""
    claiming = {code for code, rule in rules.load().items() if REFUSED in rule.symptoms}
    figures = Figures()
    for obj, verdict in zip(objects, verdicts, strict=True):
        errors = meshlint.run([obj], today=TODAY).errors
        claims = [error for error in errors if error.code in claiming]
        named = bool(claims) or any(error.code in ALSO_NAMES for error in errors)
        for count in (figures.kinds[obj["kind"]], figures.whole):
            count.add(obj["kind"], verdict, claimed=bool(claims), named=named)
        if verdict.refused and not named:
            figures.missed.append((obj, verdict))
        if claims and not verdict.refused:
            figures.called_refused.append((obj, claims[0]))
    return figures
