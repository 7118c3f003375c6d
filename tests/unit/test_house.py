"""The house in order: no circle of files, no arrow upward, no file and no function too long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.import_circle import circle

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
ROOMS = ("chatgpt_mesh", "meshlint", "lab")


def test_no_circle_of_files_not_even_of_types() -> None:
    graph = grimp.build_graph(*ROOMS, cache_dir=None)
    assert circle({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}) == []


def test_a_circle_would_be_found() -> None:
    assert circle({"specs.app": {"specs.auth"}, "specs.auth": {"specs.app"}, "graph": {"specs.app"}}) != []


def test_no_arrow_goes_upward() -> None:
    """The contracts stand in pyproject.toml; `make lint` runs them too."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_package_of_the_product_is_linked_under_its_import_name() -> None:
    links = {path.name: path.readlink() for path in (ROOT / "chatgpt_mesh").iterdir() if path.is_symlink()}
    assert links == {name: Path("..") / name for name in ("components", "control_plane", "istio_api", "mesh", "stack")}
