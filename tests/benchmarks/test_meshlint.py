"""Linear in the number of objects, and quick enough for every save of a file. docs/rules/speed.md has the figures."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import meshlint
from meshlint.environment import Environment
from meshlint.lint import lint
from tests.benchmarks import linter
from tests.unit.meshlint.many_objects import mesh_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 12, 1)
LENIENT = 2.0
"""A shared machine may be this much slower in the second measurement than it was in the first."""


def seconds(objects: list[Any]) -> float:
    start = time.process_time()
    report = meshlint.run(objects, today=TODAY)
    assert not report.findings, report.findings[:3]
    return time.process_time() - start


@pytest.mark.parametrize("crowded", [False, True])
def test_time_grows_with_the_number_of_objects_and_no_faster(crowded: bool) -> None:
    seconds(mesh_of(100))
    few = min(seconds(mesh_of(2_000, crowded=crowded)) for _ in range(2))
    many = seconds(mesh_of(10_000, crowded=crowded))
    assert many < 5 * few * LENIENT


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("asked", [linter.reach, lambda objects: linter.compared(objects, linter.edited(objects))])
def test_questions_about_one_app_take_time_that_grows_with_the_mesh_and_no_faster(
    asked: Callable[[list[Any]], int], crowded: bool
) -> None:
    def seconds_of(count: int) -> float:
        objects = mesh_of(count, crowded=crowded)
        start = time.process_time()
        assert asked(objects)
        return time.process_time() - start

    seconds_of(100)
    few = min(seconds_of(2_000) for _ in range(2))
    assert seconds_of(10_000) < 5 * few * LENIENT


def test_ten_thousand_objects_fit_into_500_mebibytes() -> None:
    code = (
        "from datetime import date; import meshlint; from tests.unit.meshlint.many_objects import mesh_of;"
        "meshlint.run(mesh_of(10_000), today=date(2026, 12, 1));"
        "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 500 * 1024


def test_files_take_at_most_four_times_what_libyaml_takes_to_compose_them(tmp_path: Path) -> None:
    text = yaml.dump_all(mesh_of(1_000), Dumper=yaml.CSafeDumper)
    file = tmp_path / "mesh.yaml"
    file.write_text(text)
    start = time.process_time()
    list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    composed = time.process_time() - start
    start = time.process_time()
    lint([str(file)], today=TODAY, environment=Environment())
    assert time.process_time() - start < 4 * composed
