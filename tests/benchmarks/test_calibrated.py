"""No pure part has become half as dear again as when its ratio was measured."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks import calibrated

pytestmark = pytest.mark.benchmark

GROWTH = 1.5


def grown(measured: dict[str, float], committed: dict[str, float]) -> list[str]:
    """A sentence for each part that is dearer than it may be."""
    return [
        f"{name}: {ratio} times the fixed work, and {committed[name]} when it was measured; look what made it dearer, "
        "or `python -m tests.benchmarks.calibrated` where it is worth that"
        for name, ratio in measured.items()
        if ratio > GROWTH * committed[name]
    ]


def test_each_part_is_measured_and_none_has_grown_by_half() -> None:
    committed: dict[str, float] = json.loads(calibrated.RATIOS.read_text(encoding="utf-8"))
    assert committed.keys() == {part.name for part in calibrated.parts()}
    measured = dict(calibrated.ratios())
    dearer = grown(measured, committed)
    if dearer:
        # A neighbour's burst can meet a part and miss the work; it does not do so twice.
        again = dict(calibrated.ratios())
        dearer = grown({name: min(ratio, again[name]) for name, ratio in measured.items()}, committed)
    assert not dearer, "\n".join(dearer)


def test_a_part_that_takes_half_as_long_again_is_noticed() -> None:
    committed = {"quick": 2.0, "slow": 30.0}
    assert grown({"quick": 2.9, "slow": 31.0}, committed) == []
    [told] = grown({"quick": 3.1, "slow": 31.0}, committed)
    assert told.startswith("quick: 3.1 times the fixed work, and 2.0")
