"""`python -m tests.unit.random_stacks`: two thousand stacks through the whole path, counted by field.

Writes docs/generated-stacks.md. Ends with 1 if a stack was refused, or if anything was found that no person decides.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, seed, settings

from chatgpt_mesh.stack.settings import Settings
from tests.crd_schema import assert_served
from tests.surroundings import ROOT, surroundings
from tests.unit.golden import product
from tests.unit.random_stacks import TAKES_LONG, leaves, stacks
from tests.unit.test_every_stack import NEVER, is_decision

PAGE = ROOT / "docs" / "generated-stacks.md"
SEEDS, EACH = range(20), 100

HEAD = """# Generated stacks

Made by `python -m tests.unit.random_stacks` on {day}: {count} stacks that the generator of the tests drew
(`tests/unit/random_stacks/`, seeds 0 to {last}), each through settings, mesh, charts and linter, and its Istio objects
through their CRDs' schemas. {failed} of them failed. Findings that a person decides, each at its path and with the way
to accept it: {decisions}.

`make unit` takes 200 other stacks of the same generator and `make thorough` 2,000; `make unit` fails if a field, an end
of a range or a word of a list occurs in none.

## Never set

| leaf | why |
|---|---|
{never}

## In how many stacks each leaf was set

A leaf is a field, an end of its range (`= 1`), a word of a closed list, or nothing (`= null`).

| leaf | stacks |
|---|---|
{leaves}
"""


def main() -> int:
    counted: Counter[str] = Counter()
    decisions, drawn, failures = 0, 0, list[str]()

    def judged(stack: dict[str, Any]) -> None:
        nonlocal decisions, drawn
        drawn += 1
        counted.update(set(leaves.reached(Settings, Settings.model_validate_json(json.dumps(stack)))))
        try:
            built = product.of_values(stack)
            assert_served(*(made.manifest for made in built.objects if "istio.io" in made.manifest["apiVersion"]))
        except Exception as error:
            failures.append(repr(error))
            return
        found = built.findings()
        decisions += sum(map(is_decision, found))
        failures.extend(sentence for sentence in found if not is_decision(sentence))

    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        for start in SEEDS:
            once = settings(
                max_examples=EACH, phases=[Phase.generate], database=None, deadline=None,
                suppress_health_check=TAKES_LONG,
            )  # fmt: skip
            seed(start)(once(given(stacks())(judged)))()
    possible = sorted(set(leaves.possible(Settings)))
    text = HEAD.format(
        day=datetime.now(tz=UTC).date(),
        count=drawn,
        last=SEEDS[-1],
        failed=len(failures),
        decisions=decisions,
        never="\n".join(f"| `{leaf}` | {why} |" for leaf, why in NEVER.items()),
        leaves="\n".join(f"| `{leaf}` | {counted[leaf]} |" for leaf in possible if counted[leaf]),
    )
    PAGE.write_text(text, encoding="utf-8")
    print(f"{drawn} stacks, {len(failures)} failures, {decisions} decisions", *failures[:10], sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
