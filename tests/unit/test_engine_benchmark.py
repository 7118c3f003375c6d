"""The benchmark of the engine counts what it says: each process with its part, and only what the stack asks for."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack.settings import load_stack
from tests.benchmarks import engine
from tests.benchmarks.engine.declared import PERCENT, apps
from tests.benchmarks.engine.processes import part_of, run
from tests.surroundings import ROOT, surroundings
from tests.unit.mesh.stack import TODAY

pytestmark = pytest.mark.unit

_BUSY = "import time\nwhile time.process_time() < 0.5: pass\ntime.sleep(0.3)"


def test_the_time_of_each_process_is_that_of_its_part_and_children_count_with_their_parents(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_BUSY!r}])", encoding="utf-8")
    main = tmp_path / "main.py"
    main.write_text(f"import subprocess, sys\nsubprocess.run([sys.executable, {str(plugin)!r}])\nprint('done')")
    usage, printed = run(
        [sys.executable, str(main)], {"main": ["main.py"], "plugin": ["plugin.py"]}, cwd=tmp_path, timeout=30
    )
    assert printed == "done\n"
    assert usage.cpu["plugin"] > 0.4
    assert usage.cpu["main"] < usage.cpu["plugin"]
    assert usage.seconds > 0.8
    assert usage.mib > 10


def test_a_command_that_fails_or_takes_too_long_is_no_figure(tmp_path: Path) -> None:
    """However much it prints after what went wrong."""
    said = "print('error: why'); print('and then\\n' * 10_000, flush=True); raise SystemExit(3)"
    with pytest.raises(AssertionError, match="ended with 3:\nerror: why\n"):
        run(
            [sys.executable, "-c", said],
            {"it": ["x"]},
            cwd=tmp_path,
            timeout=9,
        )
    with pytest.raises(AssertionError, match="more than 0 s"):
        run([sys.executable, "-c", "import time; time.sleep(9)"], {"it": ["x"]}, cwd=tmp_path, timeout=0.3)


@pytest.mark.parametrize(("process", "part"), [("language_python", "program"), ("kubernetes", "plugin")])
def test_the_labs_stand_ins_are_the_parts_that_they_stand_for(process: str, part: str) -> None:
    [script] = (ROOT / "lab" / "plugins").rglob(f"pulumi-*-{process.removeprefix('language_')}")
    started = f"lab.plugins.{process}"
    assert f"-m {started} " in script.read_text(encoding="utf-8")
    assert part_of([f"python -P -m {started} 127.0.0.1:1", "pulumi up"], engine.PULUMI) == part


@pytest.fixture
def declared(tmp_path: Path) -> dict[str, dict[str, dict[str, object]]]:
    """Name of a declaration -> its objects by key."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        for name, more in {
            "two": apps(2),
            "two, one percent": apps(2, percent=PERCENT + 1),
            "three": apps(3, percent=PERCENT + 1),
        }.items():
            path = tmp_path / f"Pulumi.{name}.yaml"
            extends = {"chatgpt-mesh:extends": [str(ROOT / "Pulumi.lab.yaml")], "chatgpt-mesh:apps": more}
            path.write_text(yaml.safe_dump({"config": extends}), encoding="utf-8")
            objects = Mesh(load_stack(path, TODAY), TODAY).objects
            found[name] = {one.resource.key: one.resource.to_dict() for one in objects}
    return found


def test_an_edit_is_of_one_app(declared: dict[str, dict[str, dict[str, object]]]) -> None:
    two, percent, three = declared.values()
    assert two.keys() == percent.keys()
    changed = [key for key in two if two[key] != percent[key]]
    assert changed
    assert all("bench-0000" in key for key in changed), changed
    assert any("bench-0002" in key for key in three.keys() - percent.keys())


def test_the_page_has_a_goal_for_one_percent_of_a_hundred_apps_and_says_where_the_time_goes() -> None:
    used = {"seconds": 6.0, "cpu": {"engine": 1.0, "plugin": 2.5}, "mib": 500, "requests": 40}
    plain = {**used, "seconds": 3.0}
    runs = [
        {"apps": count, "what": what, "up": used, "kubectl": plain}
        for count, what in ((10, "one percent"), (100, "one percent"), (100, "unchanged"))
    ]
    few, many, unchanged = engine.tables({"runs": runs})[engine.PLACES[0]]
    assert (few.goal, many.goal, unchanged.goal) == ("", "12 s", "")
    assert many.ratio == 2.0
    assert "engine 1.0, plugin 2.5" in many.figure
    assert "40 requests" in many.figure
