"""What a stack loads: a second of Google Cloud's modules is for stacks that make something there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.surroundings import ROOT

pytestmark = pytest.mark.program

PROGRAM = """
import sys, tempfile
from pathlib import Path
from tests.program.recorded_program import run
from tests.surroundings import surroundings

with tempfile.TemporaryDirectory() as directory, surroundings(Path(directory) / "machine"):
    recorded = run({stack!r})
assert recorded.error is None, recorded.error
print(*sorted({{one.type.split(":")[1].split("/")[0] for one in recorded.resources if one.type.startswith("gcp:")}}))
print(*sorted(name for name in sys.modules if name.startswith(("pulumi_gcp", "lab", "kubernetes.client"))))
"""


def run(stack: str) -> tuple[list[str], list[str]]:
    """The parts of Google Cloud that its resources are of, and the modules that it has loaded."""
    command = [sys.executable, "-c", PROGRAM.format(stack=stack)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    used, modules = done.stdout.splitlines()[-2:]
    return used.split(), modules.split()


def test_a_stack_that_adopts_its_cluster_loads_nothing_of_google_cloud() -> None:
    assert run("lab") == ([], [])


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_a_stack_that_makes_its_cluster_loads_the_parts_of_google_cloud_that_it_uses(stack: str) -> None:
    used, modules = run(stack)
    # A part is there from the first import of the package on, and its own modules when it is first looked into.
    loaded = {name.split(".")[1] for name in modules if name.startswith("pulumi_gcp.") and name.count(".") > 1}
    assert loaded == set(used)
    assert "container" in loaded


def test_tools_without_pulumi_load_none_of_it() -> None:
    loads = "import sys; from chatgpt_mesh.stack import settings"
    program = f"{loads}; print(*[name for name in sys.modules if name.startswith('pulumi')])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
