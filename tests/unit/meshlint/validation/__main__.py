"""Measures the linter against Istio's own validator, and writes docs/rules/refusals.md (`make lint-quality`)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api import version
from lab.istio_validation import istio_validation
from lab.screen import Screen
from lab.toolchain import Toolchain
from tests.unit.meshlint.validation.authority import verdicts
from tests.unit.meshlint.validation.breaks import broken_objects, edited_objects
from tests.unit.meshlint.validation.figures import distinct, measured
from tests.unit.meshlint.validation.module_cases import documents, recorded
from tests.unit.meshlint.validation.valid_objects import valid_objects

if TYPE_CHECKING:
    from tests.unit.meshlint.validation.figures import Count, Figures

PAGE = Path(__file__).parents[4] / "docs" / "rules" / "refusals.md"
SHOWN = 20
SEED, EDITS = 7, 4000
TEXT = """\
<!-- written by `make lint-quality` -->

# What Istio refuses, the linter refuses

Measured on {day} with Istio {release} by `make lint-quality`. The authority is the pinned Istio's own code: what its
validating webhook does with an object that is created, and what the API server does by Istio's CRDs (types, limits,
CEL). Every object is linted on its own.

- *Named*: the linter has an error that says that Istio refuses the object ([MCP004](MCP004.md), [MCP009](MCP009.md) to
  [MCP018](MCP018.md), [MCP115](MCP115.md), [MCP128](MCP128.md), [MCP302](MCP302.md)), or that an expression does not
  parse ([MCP601](MCP601.md)).
- *Reasons*: Istio's messages without names and numbers, by kind. One counts as named only if every object that is
  refused for it is.
- *Called refused*: Istio takes the object, and the linter has an error that says it does not.

MeshConfig is not an object and is not counted, nor are fields that do not exist: the API server drops them, and
[MCP003](MCP003.md) says so.

## The cases of Istio's own tests

What the tests of `pkg/config/validation` hand to its functions, recorded while they run; parts of an object are put
into one that is valid without them.

{cases}

## The YAML of Istio's tests and samples

{documents}

## Generated: valid objects with one thing broken

{valid} valid objects of every kind, in each of which one value at a time is replaced, doubled, removed or added,
everywhere and by everything that a value of its type can be wrong with. Many changes are harmless; Istio says which.

{broken}

## Generated: valid objects mistyped

{edits} of the same objects with letters typed, replaced or taken away in one or two places, and other numbers (seed
{seed}):
values that no list foresees.

{edited}
"""


def percent(share: float) -> str:
    """`97.5 %`, never rounded up to 100."""
    return "100 %" if share == 1 else f"{min(share * 100, 99.9):.1f} %"


def row(name: str, count: Count) -> str:
    """One line of a table."""
    reasons = f"{count.whole_messages} of {len(count.messages)} ({percent(count.share_of_messages)})"
    named = f"{count.named} ({percent(count.share_of_objects)})"
    return f"| {name} | {count.refused} | {named} | {reasons} | {count.taken} | {count.called_refused} |"


def table(figures: Figures) -> str:
    """The counts by kind and in all."""
    head = "| kind | refused | named | reasons named | taken | called refused |\n|---|---|---|---|---|---|"
    rows = [row(kind, count) for kind, count in sorted(figures.kinds.items())]
    return "\n".join((head, *rows, row("**all**", figures.whole)))


def main() -> int:
    """Measure, print, and write the page."""
    istio = istio_validation(Toolchain(), Screen())
    tables: dict[str, str] = {}
    for name, objects in (
        ("cases", distinct(recorded(istio.cases))),
        ("documents", distinct(documents(istio.source))),
        ("broken", distinct(broken_objects())),
        ("edited", distinct(edited_objects(SEED, EDITS))),
    ):
        figures = measured(objects, verdicts(istio.verdicts, istio.crds, objects))
        tables[name] = table(figures)
        print(f"{name}\n{tables[name]}")
        for obj, verdict in figures.missed[:SHOWN]:
            print(f"  not named: {obj['kind']}: {(verdict.webhook or verdict.crd)[0]}")
        for obj, finding in figures.called_refused[:SHOWN]:
            print(f"  called refused: {obj['kind']}: {finding.code} {finding.message}")
    day = datetime.now(tz=UTC).date()
    counts = {"valid": len(valid_objects()), "edits": EDITS, "seed": SEED}
    PAGE.write_text(TEXT.format(day=day, release=version.RELEASE, **counts, **tables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
