"""CPU time of the program for a stack, under Pulumi's mocks: `python -m tests.benchmarks.program_time [STACK...]`.

Imports, settings, mesh, checks and registration, each stack in a process of its own; beside it a program that does
nothing but import the parts of Pulumi's packages that the stack's resources are of.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.surroundings import ROOT, STACKS

_ROUNDS = 3
_WHOLE = """
import json, sys, tempfile, time
from pathlib import Path
from tests.program.recorded_program import run
from tests.surroundings import own_layer, surroundings

stack = sys.argv[1]
with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
    first = run(stack, own_layer(stack))
    seconds = time.process_time()
    run(stack, own_layer(stack))
again = time.process_time() - seconds
loaded = sorted(name for name in sys.modules if name.count(".") == 1 and name.startswith("pulumi_gcp."))
used = [name for name in loaded if any(other.startswith(name + ".") for other in sys.modules)]
told = {"resources": len(first.resources), "seconds": seconds, "again": again, "modules": used}
print(json.dumps(told))
"""
_BARE = """
import importlib, json, sys, time
import pulumi, pulumi_kubernetes
for name in sys.argv[1:]:
    # A part is loaded when something is looked up that it may have.
    getattr(importlib.import_module(name), "__all__", None)
parts = [name.split(".")[1] for name in sys.modules if name.startswith("pulumi_gcp.") and name.count(".") > 1]
assert {f"pulumi_gcp.{part}" for part in parts} == set(sys.argv[1:])
print(json.dumps({"seconds": time.process_time()}))
"""


def _told(program: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def row(stack: str) -> dict[str, Any]:
    """Of the program and of the bare imports the quickest of three, in turn."""
    turns: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for _ in range(_ROUNDS):
        whole = _told(_WHOLE, stack)
        turns.append((whole, _told(_BARE, *whole["modules"])))
    best = min((whole for whole, _ in turns), key=lambda told: told["seconds"])
    bare = min(bare["seconds"] for _, bare in turns)
    return {
        "stack": stack,
        "resources": best["resources"],
        "google": [name.removeprefix("pulumi_gcp.") for name in best["modules"]],
        "seconds": round(best["seconds"], 2),
        "bare_seconds": round(bare, 2),
        "again_seconds": round(best["again"], 2),
    }


def main() -> None:
    for stack in sys.argv[1:] or STACKS:
        print(json.dumps(row(stack)))


if __name__ == "__main__":
    main()
