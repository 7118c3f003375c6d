"""A project of `init` with the wheel and nothing of the checkout, run by Pulumi's real engine without a network.

That of a GKE stack, since a preview on a cluster that is there asks it; tests/program/test_new_project.py has both.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.state import CHECKOUT
from lab.toolchain import Toolchain
from tests.lab.offline_engine import OfflineEngine, prepared
from tests.unit.stack.test_new_project import ANSWERS, arguments
from tests.unit.test_distribution import built

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [built(project, tmp_path_factory.mktemp("dist")) for project in (CHECKOUT, CHECKOUT / "meshlint")]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> OfflineEngine:
    return prepared(tmp_path_factory.mktemp("projects"))


def made(directory: Path, python: Path, variables: dict[str, str]) -> Path:
    """A project by the command of the installed wheel."""
    command = [python, "-m", "chatgpt_mesh.stack", "init", "gke", str(directory), *arguments(ANSWERS["gke"])]
    done = subprocess.run(
        command,
        env=variables,
        cwd=directory.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return directory


def is_clean(plan: str) -> None:
    assert plan.endswith("status 0"), plan
    said = [line for line in plan.splitlines() if re.search(r"\b(warning|error):", line)]
    # The engine says of each plugin that it takes it from PATH.
    assert not [line for line in said if "warning: using pulumi-" not in line], plan
    assert re.search(r"\+ \d+ to create", plan), plan


def test_the_first_preview_is_clean(wheels: list[Path], engine: OfflineEngine, tmp_path: Path) -> None:
    site = tmp_path / "site"
    for wheel in wheels:
        zipfile.ZipFile(wheel).extractall(site)
    variables = {**os.environ, "PYTHONPATH": str(site)}
    project = made(engine.directory / "weather", Path(sys.executable), variables)
    (project / ".venv").symlink_to(CHECKOUT / ".venv")
    plan = replace(engine, variables={**engine.variables, "PYTHONPATH": str(site)}).previewed(project, "dev")
    is_clean(plan)


@pytest.mark.long
@pytest.mark.registry
def test_in_an_environment_of_its_own(wheels: list[Path], engine: OfflineEngine) -> None:
    """As the pages say it: an empty environment, the two wheels with what they depend on, `init`, `preview`, and
    `import` of Istio's bookinfo."""
    directory = engine.directory / "alone"
    directory.mkdir()
    subprocess.run([sys.executable, "-m", "venv", directory / ".venv"], check=True)
    python = directory / ".venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wheels], check=True, timeout=600)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    project = made(directory, python, variables)
    alone = {name: value for name, value in engine.variables.items() if name != "PYTHONPATH"}
    # The stand-in for the language host is the lab's, and starts the project's own interpreter.
    is_clean(replace(engine, variables=alone).previewed(project, "dev"))
    imports_bookinfo(python, directory, alone)


def imports_bookinfo(python: Path, project: Path, variables: Mapping[str, str]) -> None:
    samples = Toolchain().istio_source / "samples" / "bookinfo"
    inputs = [samples / "platform/kube/bookinfo.yaml", samples / "networking/bookinfo-gateway.yaml"]

    def run(*arguments: str | Path) -> str:
        done = subprocess.run(
            [python, "-m", *arguments], cwd=project, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    report = run("chatgpt_mesh.stack", "import", *inputs, "--output", "Pulumi.books.yaml", "--rest", "rest.yaml")
    assert "What is answered otherwise" in report
    shown = run("chatgpt_mesh.mesh", "show", "books", "productpage", "--format", "names")
    assert "VirtualService/apps/productpage\tapps.productpage" in shown
