"""The one way of the goldens from a declaration to what the product makes of it.

A declaration goes in as a stack file, as from a user: through the settings, the mesh and the checker. Whoever moves one
of these mends it here and nowhere else.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.istio_api.message import ChartValues
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import stack_files
from chatgpt_mesh.stack.settings import Settings, load_stack
from tests.surroundings import ROOT

TODAY = date(2026, 11, 24)
"""The day on which the stacks are loaded, so that dated exceptions do not change the files."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """One object, and the path of the declaration that it comes from."""

    owner: str
    key: str
    """KIND/NAMESPACE/NAME."""
    manifest: Values


@dataclass(frozen=True)
class Built:
    """What a declaration stands for."""

    settings: Settings
    mesh: Mesh

    @cached_property
    def objects(self) -> tuple[Made, ...]:
        """Its objects, in the order in which they are declared."""
        return tuple(Made(owned.owner, owned.resource.key, owned.resource.to_dict()) for owned in self.mesh.objects)

    @cached_property
    def mesh_config(self) -> Values:
        """What istiod's chart hands to every proxy."""
        return mesh_config(self.mesh).to_dict()

    @cached_property
    def _charts(self) -> dict[str, ChartValues]:
        return checked.charts_of(
            self.settings.istio, self.settings.cluster, self.mesh, mesh_config(self.mesh), self.settings.platform
        )

    @cached_property
    def chart_values(self) -> dict[str, Values]:
        """The values of every chart, by the name that the checker knows it by."""
        return {name: values.to_dict() for name, values in self._charts.items()}

    def findings(self) -> list[str]:
        """What the checker says of it, as the program would hear it."""
        errors, warnings = checked.judged(
            self.mesh,
            self._charts,
            self.settings.istio.injects,
            accept=self.settings.accept,
            today=TODAY,
        )
        return [*map(str, errors), *map(str, warnings)]


def of_file(path: Path) -> Built:
    """A stack file, with everything that it extends. Needs `tests.surroundings`."""
    settings = load_stack(path, TODAY)
    return Built(settings, Mesh(settings, TODAY))


def of_stack(stack: str) -> Built:
    """A stack of this repository, by name."""
    return of_file(ROOT / f"Pulumi.{stack}.yaml")


def of_values(values: Mapping[str, Any]) -> Built:
    """Settings by name, as a whole stack."""
    config = {f"{stack_files.PACKAGE}:{name}": value for name, value in values.items()}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "Pulumi.golden.yaml"
        path.write_text(json.dumps({"config": config}), encoding="utf-8")
        return of_file(path)


def settings_in(text: str) -> Values:
    """The settings that the text of a stack file holds, by name; the files that it extends are not read."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "Pulumi.golden.yaml"
        path.write_text(text, encoding="utf-8")
        layers = stack_files.read_stack_file(path)
    assert not layers.problems, "\n".join(map(str, layers.problems))
    return dict(layers.values)


def over(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Values:
    """The child's settings over the parent's, by the product's own rule for layers."""
    return stack_files.merge(parent, child)
