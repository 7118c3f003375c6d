"""No file and no function that is written by hand grows past what one reader holds in mind."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.repository import ROOT, hand_written

pytestmark = pytest.mark.unit

LONGEST_FILE, LONGEST_FUNCTION = 400, 60

# Each declares resources with all their settings: long because a resource has many arguments, and flat.
FLAT_DECLARATIONS = {
    "components/cluster.py: Cluster.__init__",
    "components/gke.py: Gke.__init__",
    "components/gke_outputs.py: gke_outputs",
    "components/network.py: Network.__init__",
}


def functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, int]]:
    """Each function below a node: its name with those around it, and its lines from `def` to the last."""
    for node in ast.iter_child_nodes(tree):
        inner = outer
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{outer}.{node.name}".lstrip(".")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield inner, node.end_lineno - node.lineno + 1
        yield from functions(node, inner)


def test_a_file_has_400_lines_at_most() -> None:
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in hand_written()}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_a_function_has_60_lines_at_most() -> None:
    lengths = {
        f"{path}: {name}": length
        for path in hand_written()
        for name, length in functions(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    }
    long = {function: length for function, length in lengths.items() if length > LONGEST_FUNCTION}
    assert {function: length for function, length in long.items() if function not in FLAT_DECLARATIONS} == {}
    assert long.keys() >= FLAT_DECLARATIONS, "an exception that nothing needs any more"
