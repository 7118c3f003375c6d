"""What a stack loads: a second of Google Cloud's modules is for stacks that make something there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chatgpt_mesh.stack.settings import ROOT

pytestmark = pytest.mark.program

PROGRAM = """
import sys, tempfile
from pathlib import Path
from tests.program.recorded_program import run
from tests.surroundings import surroundings

with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
    recorded = run({stack!r})
assert recorded.error is None, recorded.error
print(*sorted(name for name in sys.modules if name.startswith(("pulumi_gcp", "lab", "kubernetes.client"))))
"""


def loaded(stack: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM.format(stack=stack)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_a_stack_that_adopts_its_cluster_loads_nothing_of_google_cloud() -> None:
    assert loaded("lab") == []


def test_a_stack_that_makes_its_cluster_loads_google_clouds_modules() -> None:
    assert "pulumi_gcp.container" in loaded("prod")


def test_tools_without_pulumi_load_none_of_it() -> None:
    loads = "import sys; from chatgpt_mesh.stack import settings"
    program = f"{loads}; print(*[name for name in sys.modules if name.startswith('pulumi')])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
