"""CPU time before the first resource is registered, by number of apps: `python -m tests.benchmarks.prepare_program`.

Loading a stack file's values, the mesh, the order of its routes, and the checks, in a process of its own; beside it the
same objects, finished, read from a YAML file by libyaml.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import settings
from chatgpt_mesh.stack.collection import collect_seldom
from tests.benchmarks.build_mesh import TODAY
from tests.benchmarks.memory import peak_mib
from tests.benchmarks.register_program import SIZES, stack_file
from tests.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence


def row(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        path = stack_file(count, Path(directory))
        marks = [time.process_time()]
        stack = settings.load_stack(path, TODAY)
        marks.append(time.process_time())
        mesh = Mesh(stack, TODAY)
        marks.append(time.process_time())
        needed = sum(map(len, mesh.routes_need.values()))
        marks.append(time.process_time())
        charts = checked.charts_of(stack.istio, stack.cluster, mesh, mesh_config(mesh), stack.platform)
        injection = stack.istio.injects
        errors, _ = checked.judged(mesh, charts, injection, accept=stack.accept, today=TODAY)
        marks.append(time.process_time())
    assert not errors, errors[:3]
    parts = [round(after - before, 3) for before, after in itertools.pairwise(marks)]
    return {"apps": count, "objects": len(mesh.objects), "needed": needed, **dict(zip(PARTS, parts, strict=True))}


def _plain(objects: Sequence[Any]) -> float:
    """CPU seconds for reading them from a file."""
    text = yaml.dump_all((one.resource.to_dict() for one in objects), Dumper=yaml.CSafeDumper)
    started = time.process_time()
    found = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    assert len(found) == len(objects)
    return time.process_time() - started


def rows(sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Of each size the quickest of three, which a busy machine has falsified least; of a thousand and more one, which
    takes long enough for the machine's moods to even out."""
    return [min((_of_a_process(count) for _ in range(3 if count < 1_000 else 1)), key=together) for count in sizes]


def _of_a_process(count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", __spec__.name, "row", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def _this_process(count: int) -> None:
    collect_seldom()
    row(1)  # what is made at first use, such as validators and rules, is made here
    found = row(count)
    peak = peak_mib()
    with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
        stack = settings.load_stack(stack_file(count, Path(directory)), TODAY)
        plain = _plain(Mesh(stack, TODAY).objects)
    print(json.dumps({**found, "mib": round(peak), "plain_s": round(plain, 3)}))


PARTS = ("load_s", "mesh_s", "order_s", "checks_s")


def together(given: dict[str, Any]) -> float:
    return sum(given[name] for name in PARTS)


def main() -> None:
    match sys.argv[1:]:
        case ["row", count]:
            _this_process(int(count))
        case given:
            for found in rows(tuple(int(count) for count in given) or SIZES):
                print(json.dumps(found))


if __name__ == "__main__":
    main()
