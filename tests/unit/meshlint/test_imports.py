"""Which module of the linter imports which: no circle anywhere, and nothing from outside that an installation lacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

pytestmark = pytest.mark.unit

DECLARED = {"yaml", "cel_expr_python", "google"}
"""What the dependencies in meshlint/pyproject.toml are imported as."""


def packages_around(module: str) -> Iterator[str]:
    """The packages whose `__init__` runs before a module does."""
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def circle(imports: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, in their order; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_circle_of_modules_not_even_of_types() -> None:
    graph = grimp.build_graph("meshlint", cache_dir=None)
    assert circle({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}) == []


def test_no_circle_when_packages_run_before_their_modules() -> None:
    """Importing `a.b` runs `a` first: a package that imports the engine would make each of its modules import it."""
    graph = grimp.build_graph("meshlint", cache_dir=None, exclude_type_checking_imports=True)
    imports: dict[str, set[str]] = {}
    for module in graph.modules:
        named = graph.find_modules_directly_imported_by(module)
        implied = {package for imported in {module, *named} for package in packages_around(imported)}
        imports[module] = (named | implied) - {module}
    assert circle(imports) == []


def test_nothing_is_imported_that_an_installation_lacks() -> None:
    graph = grimp.build_graph("meshlint", cache_dir=None, include_external_packages=True)
    foreign = {name for name in graph.modules if graph.is_module_squashed(name)} - {"__future__"}
    assert foreign - sys.stdlib_module_names == DECLARED
