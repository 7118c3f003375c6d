"""Correct meshes with their workloads: what the product makes of declarations, and a mesh written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hypothesis import Phase, given, seed, settings

import meshlint
from chatgpt_mesh.components.implied import implied_objects
from meshlint.environment import Environment
from meshlint.view.mesh import MeshView
from tests.unit.golden import concern, product
from tests.unit.meshlint.mutation import fields
from tests.unit.random_stacks import TAKES_LONG, stacks

Objects = list[dict[str, Any]]
TODAY = product.TODAY


@dataclass(frozen=True)
class Mesh:
    """A mesh without mistakes."""

    name: str
    objects: Objects

    @cached_property
    def findings(self) -> frozenset[tuple[str, str]]:
        """What the linter says of it all the same: decisions of a person."""
        return found_in(self.objects)


def found_in(objects: Objects) -> frozenset[tuple[str, str]]:
    """(code, object) of every finding."""
    return frozenset((found.code, found.object) for found in meshlint.run(objects, today=TODAY).findings)


def view(objects: Objects) -> MeshView:
    return MeshView(objects, environment=Environment(), today=TODAY)


def of_built(name: str, built: product.Built) -> Mesh:
    """Everything that the checker of the program sees: Istio's objects, what they imply, and the charts' values."""
    injection = built.settings.istio.injects
    charts = [meshlint.helm_values(chart, values) for chart, values in built.chart_values.items()]
    objects = [*(made.manifest for made in built.objects), *implied_objects(built.mesh, injection), *charts]
    return Mesh(name, json.loads(json.dumps(objects)))


def meshes(generated: int, draw: int = 0) -> Iterator[Mesh]:
    """The stacks of the repository, its concerns, the mesh written by hand, and generated ones of that seed."""
    yield Mesh("correct.yaml", fields.correct())
    for stack in ("staging", "prod"):
        yield of_built(stack, product.of_stack(stack))
    for name in concern.CONCERNS:
        yield of_built(f"concerns/{name}", concern.built(name))
    for number, stack in enumerate(_generated(generated, draw) if generated else ()):
        yield of_built(f"generated/{number}", product.of_values(stack))


def _generated(count: int, draw: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    @seed(draw)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=TAKES_LONG,
        deadline=None,
    )
    @given(stacks())
    def keep(stack: dict[str, Any]) -> None:
        found.append(stack)

    keep()
    return found[-count:]
