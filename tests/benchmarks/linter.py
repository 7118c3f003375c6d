"""meshlint by number of objects: linting them, comparing two versions, and who reaches one host.

The plain alternative is libyaml, reading the same objects from a file: what any tool in Python has to do first.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import yaml

import meshlint
from meshlint.environment import Environment
from meshlint.reachability.compare import compare
from meshlint.reachability.matrix import Axes, callers_of, requests, rows
from meshlint.view.mesh import MeshView
from tests.benchmarks.figures import conditions
from tests.benchmarks.memory import peak_mib
from tests.benchmarks.series import Plot, Row, span
from tests.unit.meshlint.many_objects import mesh_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.benchmarks.figures import Results

NAME = "linter"
PLACES = ("linter: namespaces of twenty", "linter: one namespace")
TODAY = date(2026, 12, 1)
_SIZES, _LARGE = (10, 100, 1_000, 10_000), (10_000, 100_000)
"""The larger ones begin where the others end: what is linear is seen by a size and a tenth of it."""
_CROWDED_SIZES = (1_000, 10_000)
_LONG_ENOUGH = 10_000
_HOST = "app-0.example.com"
_PARTS = {"lint": "linted", "compare": "compared", "reach": "asked who reaches a host"}
_LINEAR = 1.5
"""Twice as many objects may cost so much more than twice: caches of the processor are no rule's fault."""


def edited(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mesh with one app's policy that lets nobody in any more."""
    new = copy.deepcopy(objects)
    policy = next(one for one in new if one["kind"] == "AuthorizationPolicy" and one["spec"].get("rules"))
    policy["spec"]["rules"] = []
    return new


def _view(objects: list[dict[str, Any]]) -> MeshView:
    return MeshView(objects, environment=Environment(), today=TODAY)


def reach(objects: list[dict[str, Any]]) -> int:
    """How many rows the table has: what every caller gets at one host."""
    mesh = _view(objects)
    return len(rows(mesh, requests(mesh, Axes(callers_of(mesh), [_HOST]))))


def compared(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> int:
    """How many requests of one app end otherwise."""
    return len(compare(_view(old), _view(new)).changes)


def _read(text: str) -> int:
    return len(list(yaml.load_all(text, Loader=yaml.CSafeLoader)))


def _seconds(run: Callable[[], int]) -> float:
    started = time.process_time()
    assert run(), "nothing was found, so something else was measured than meant"
    return round(time.process_time() - started, 4)


def _linted(objects: list[dict[str, Any]]) -> int:
    report = meshlint.run(objects, today=TODAY)
    assert not report.findings, report.findings[:3]
    return len(objects)


def _this_process(count: int, *, crowded: bool) -> Results:
    """One turn, after one with few objects that makes what is made at first use."""
    few = mesh_of(10)
    assert _linted(few)
    assert compared(few, edited(few))
    assert reach(few)
    objects = mesh_of(count, crowded=crowded)
    found: Results = {"objects": len(objects), "lint_s": _seconds(lambda: _linted(objects))}
    found["lint_mib"] = round(peak_mib())
    new = edited(objects)
    found["compare_s"] = _seconds(lambda: compared(objects, new))
    found["reach_s"] = _seconds(lambda: reach(objects))
    text = yaml.dump_all(objects, Dumper=yaml.CSafeDumper)
    return {**found, "plain_s": _seconds(lambda: _read(text))}


def _row(count: int, *, crowded: bool = False) -> Results:
    """Of each figure the quickest of three turns, each in a process of its own; of ten thousand objects and more one
    turn, which takes long enough for the moods of the machine to even out."""
    command = [sys.executable, "-m", __spec__.name, str(count), *(["crowded"] if crowded else [])]
    turns: list[Results] = []
    for _ in range(3 if count < _LONG_ENOUGH else 1):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        turns.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: min(turn[name] for turn in turns) for name in turns[0]}


def measure(*, large: bool) -> Iterator[Results]:
    """100,000 objects take three minutes."""
    when = conditions()
    spread, crowded = (_LARGE, ()) if large else (_SIZES, _CROWDED_SIZES)
    yield {
        **when,
        "spread": [_row(count) for count in spread],
        "crowded": [_row(count, crowded=True) for count in crowded],
    }


def tables(results: Results) -> dict[str, list[Row]]:
    spread = [row for found, before in _after(results["spread"]) for row in _rows(found, before)]
    crowded = [row for found, before in _after(results["crowded"]) for row in _rows(found, before)]
    return dict(zip(PLACES, (spread, crowded), strict=True))


def _after(found: list[Results]) -> Iterable[tuple[Results, Results | None]]:
    return zip(found, [None, *found], strict=False)


def _rows(found: Results, before: Results | None) -> Iterable[Row]:
    for part, done in _PARTS.items():
        seconds = found[f"{part}_s"]
        goal = ""
        if before is not None and before["objects"] >= 1_000:
            limit = before[f"{part}_s"] * found["objects"] / before["objects"] * _LINEAR
            goal = f"{limit:.2f} s, linear"
        rate = f"{found['objects'] / seconds:,.0f} objects a second"
        memory = f", {found['lint_mib']:,} MiB" if part == "lint" else ""
        yield Row(
            what=f"{found['objects']:,} objects {done}",
            goal=goal,
            figure=f"{span(seconds)}, {rate}{memory}",
            plain=span(found["plain_s"]),
            ratio=seconds / found["plain_s"],
        )


def plot(results: Results) -> Plot:
    names = {"lint_s": "lint", "compare_s": "compare", "reach_s": "reach", "plain_s": "the objects read from YAML"}
    return Plot(
        "meshlint by number of objects",
        "objects",
        "seconds of CPU",
        {name: [(row["objects"], row[figure]) for row in results["spread"]] for figure, name in names.items()},
    )


if __name__ == "__main__":
    print(json.dumps(_this_process(int(sys.argv[1]), crowded="crowded" in sys.argv[2:])))
