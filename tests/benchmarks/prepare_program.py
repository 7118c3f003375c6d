"""CPU time before the first resource is registered, by number of apps: `python -m tests.benchmarks.prepare_program`.

Loading a stack file's values, the mesh, the order of its routes, and the checks.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import settings
from chatgpt_mesh.stack.collection import collect_seldom
from tests.benchmarks.build_mesh import TODAY
from tests.benchmarks.register_program import SIZES, stack_file
from tests.surroundings import surroundings


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


def rows(sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Of each size the quickest of three, which a busy machine has falsified least."""
    collect_seldom()
    row(1)  # what is made at first use, such as validators and rules, is made here
    return [min((row(count) for _ in range(3)), key=together) for count in sizes]


PARTS = ("load_s", "mesh_s", "order_s", "checks_s")


def together(given: dict[str, Any]) -> float:
    return sum(given[name] for name in PARTS)


def table(found: list[dict[str, Any]]) -> str:
    lines = [
        "| apps | objects | load | mesh | order | checks | together | per app |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for given in found:
        shown = " | ".join(f"{part:.2f} s" for part in (*(given[name] for name in PARTS), together(given)))
        each = together(given) / given["apps"] * 1000
        lines.append(f"| {given['apps']:,} | {given['objects']:,} | {shown} | {each:.1f} ms |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(rows(tuple(int(count) for count in sys.argv[1:]) or SIZES)))
