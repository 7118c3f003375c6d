"""Istio objects as the stack file has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.resource import Resource
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph


def objects(graph: Graph) -> Iterator[Owned]:
    """The objects, in the order of the stack file."""
    for index, spec in enumerate(graph.objects):
        yield Owned(Resource.from_dict(spec.manifest), f"objects.{index}")
