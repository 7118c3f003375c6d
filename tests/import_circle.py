"""Circles among modules that import each other."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter


def circle(imports: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, in their order; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []
