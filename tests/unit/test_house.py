"""The house in order: no circle of files, no arrow upward, no file and no function too long."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.import_circle import circle
from tests.repository import files

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
OWN = "tests/unit/test_house.py"
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
    assert links == {
        name: Path("..") / name
        for name in (
            "components",
            "control_plane",
            "importing",
            "istio_api",
            "mesh",
            "package",
            "review",
            "rollout",
            "stack",
        )
    }


_ROOM = r"(?:mesh|importing|package|review|rollout|components|stack|control_plane|istio_api|meshlint|lab)"
MODULE = re.compile(rf"`(?:chatgpt_mesh\.)?({_ROOM}(?:\.[a-z_]+)+)`")
FILE = re.compile(rf"\b((?:{_ROOM}|tests)/[a-z_\d./-]+\.(?:py|yaml|md))\b")


def is_there(name: str) -> bool:
    """A module, or a name that one defines."""
    full = name if name.startswith(("meshlint", "lab")) else f"chatgpt_mesh.{name}"
    if (ROOT / f"{name.replace('.', '/')}.py").exists() or (ROOT / name.replace(".", "/")).is_dir():
        return True
    module, _, attribute = full.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError:
        return False


def gone(text: str) -> list[str]:
    """Modules and files of the house that a text names and that are not there."""
    missing = [name for name in MODULE.findall(text) if not is_there(name)]
    return missing + [path for path in FILE.findall(text) if not (ROOT / path).exists()]


def test_what_a_text_names_is_there() -> None:
    read = files("*.py", "*.md", "*.toml", "*.yaml", "*.yml", "Makefile")
    missing = {path: gone((ROOT / path).read_text(encoding="utf-8")) for path in read if path != OWN}
    assert {path: names for path, names in missing.items() if names} == {}


def test_a_name_that_is_gone_would_be_found() -> None:
    assert gone("see `mesh.edge_policy` and mesh/auth.py, not `mesh.objects.auth.challenge` and mesh/build.py") == [
        "mesh.edge_policy",
        "mesh/auth.py",
    ]
