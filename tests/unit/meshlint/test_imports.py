"""Which module of the linter imports which: no circle anywhere, and from outside what is declared."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.import_circle import circle

pytestmark = pytest.mark.unit

PROJECT = Path(__file__).parents[3] / "meshlint" / "pyproject.toml"
IMPORTED_AS = {"PyYAML": "yaml", "cel-expr-python": "cel_expr_python", "protobuf": "google"}


def packages_around(module: str) -> Iterator[str]:
    """The packages whose `__init__` runs before a module does."""
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def test_no_circle_when_packages_run_before_their_modules() -> None:
    """Importing `a.b` runs `a` first: a package that imports the engine would make each of its modules import it."""
    graph = grimp.build_graph("meshlint", cache_dir=None, exclude_type_checking_imports=True)
    imports: dict[str, set[str]] = {}
    for module in graph.modules:
        named = graph.find_modules_directly_imported_by(module)
        implied = {package for imported in {module, *named} for package in packages_around(imported)}
        imports[module] = (named | implied) - {module}
    assert circle(imports) == []


def test_what_is_imported_from_outside_is_what_the_distribution_declares() -> None:
    graph = grimp.build_graph("meshlint", cache_dir=None, include_external_packages=True)
    foreign = {name for name in graph.modules if graph.is_module_squashed(name)} - {"__future__"}
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    assert foreign - sys.stdlib_module_names == {IMPORTED_AS[entry.partition(">=")[0]] for entry in declared}
