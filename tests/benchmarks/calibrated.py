"""What the pure parts cost by a fixed piece of work in the same process: `python -m tests.benchmarks.calibrated`.

Seconds are those of one machine on one day; their ratio to work of the same kind is nearly that of any machine. The
command writes `calibrated.json` beside this file, and the test beside it fails when a ratio has grown by half.
"""

from __future__ import annotations

import functools
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import meshlint
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from chatgpt_mesh.stack.collection import collect_seldom
from meshlint.environment import Environment
from meshlint.reachability.compare import compare
from meshlint.reachability.matrix import Axes, callers_of, requests, rows
from meshlint.view.mesh import MeshView
from tests.benchmarks.build_mesh import TODAY, declaration
from tests.benchmarks.prepare_program import row
from tests.surroundings import ROOT
from tests.unit.meshlint.many_objects import mesh_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RATIOS = Path(__file__).with_suffix(".json")
APPS = 100
FEW_APPS = 20
"""For what asks questions of each app about each other."""
OBJECTS = 2_000
FEW_OBJECTS = 1_000
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """Something that has no side effect, and so may be run as often as is needed."""

    name: str
    run: Callable[[], object]


def fixed_work() -> object:
    """Text into YAML, mappings built, compared, sorted and written: what the parts do, without any of their code."""
    text = json.dumps({f"app-{i}": {"hosts": [f"{i}.example.com"], "ports": list(range(i % 40))} for i in range(600)})
    read: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # the safe one, by libyaml
    found: dict[tuple[str, int], list[str]] = {}
    for turn in range(40):
        for name, value in read.items():
            key = (name[:5], len(value["ports"]) + turn)
            found.setdefault(key, []).append(f"{name}:{value['hosts'][0]}".lower().replace(".", "-"))
    return json.dumps([(*key, sorted(value)) for key, value in sorted(found.items())])


@functools.cache
def parts() -> tuple[Part, ...]:
    apps = declaration(APPS)
    spec = MeshSpec.model_validate(apps)
    objects = mesh_of(OBJECTS)
    few = declaration(FEW_APPS)
    before = _plain(few)
    few["apps"]["app-7"]["callers"] = []
    after = _plain(few)
    return (
        Part(f"a declaration of {APPS} apps is read", lambda: MeshSpec.model_validate(apps)),
        Part(f"the mesh of {APPS} apps is built", lambda: Mesh(spec, TODAY).objects),
        Part(f"a program with {APPS} apps is prepared: file, mesh, order, checks", lambda: row(APPS)),
        Part(f"{OBJECTS:,} objects are linted", lambda: meshlint.run(objects, today=TODAY)),
        Part("the guide is linted, start of the command included", _lint_the_guide),
        Part(f"who reaches an app of {FEW_APPS}", lambda: _reach(_view(before))),
        Part(f"an edit for the whole mesh is compared, of {FEW_OBJECTS:,} objects", _compare_an_edit_for_all),
        Part(f"an edit of an app of {FEW_APPS} is compared", lambda: compare(_view(before), _view(after))),
    )


def _compare_an_edit_for_all() -> None:
    old = mesh_of(FEW_OBJECTS)
    permissive = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "istio-system"},
        "spec": {"mtls": {"mode": "PERMISSIVE"}},
    }
    assert compare(_view(old), _view([*old, permissive])).questions


def _lint_the_guide() -> None:
    command = [sys.executable, "-m", "meshlint", "lint", "tests/fixtures/guide", "--format", "json"]
    found = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    assert found.returncode == 1, "the guide has mistakes"


def _plain(apps: dict[str, Any]) -> list[dict[str, Any]]:
    return [one.resource.to_dict() for one in Mesh(MeshSpec.model_validate(apps), TODAY).objects]


def _view(objects: list[dict[str, Any]]) -> MeshView:
    return MeshView(objects, environment=Environment(), today=TODAY)


def _reach(mesh: MeshView) -> object:
    return rows(mesh, requests(mesh, Axes(callers_of(mesh), ["app-7.apps.example.com"])))


def _seconds(run: Callable[[], object]) -> float:
    before = _cpu_seconds()
    run()
    return _cpu_seconds() - before


def _cpu_seconds() -> float:
    """Of this process and of the children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def ratios() -> Mapping[str, float]:
    """Part -> its CPU time by that of the fixed work; of each the quickest of five turns, part and work one after the
    other, so that a machine which is busy for a while meets both."""
    collect_seldom()
    found: dict[str, float] = {}
    for part in parts():
        part.run()  # what is made at first use
        turns = [(_seconds(part.run), _seconds(fixed_work)) for _ in range(_ROUNDS)]
        found[part.name] = round(min(own for own, _ in turns) / min(fixed for _, fixed in turns), 3)
    return found


if __name__ == "__main__":
    measured = ratios()
    RATIOS.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    for name, ratio in measured.items():
        print(f"{ratio:8.2f}  {name}")
