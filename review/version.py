"""One version of a stack, as it is compared and drawn: its declaration, its mesh, and what the linter makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components import checked
from chatgpt_mesh.components.implied import implied_objects
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import settings
from meshlint.view.charts import helm_values
from meshlint.view.mesh import MeshView

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from chatgpt_mesh.istio_api.message import ChartValues
    from chatgpt_mesh.mesh.specs.problem import Problem
    from chatgpt_mesh.stack.settings import Settings


@dataclass(frozen=True)
class Version:
    """A stack that is right: nothing of it contradicts itself."""

    name: str
    """As whoever asked calls it: `prod`, `main:prod`."""
    settings: Settings
    mesh: Mesh
    today: date

    @classmethod
    def read(cls, name: str, path: Path, today: date) -> Version:
        """The stack of a file.

        Raises:
            InvalidConfig: with every mistake.
        """
        loaded = settings.load_stack(path, today)
        return cls(name, loaded, Mesh(loaded, today), today)

    @cached_property
    def charts(self) -> Mapping[str, dict[str, Any]]:
        """Values of the charts that it installs: `istiod`, `gateway/NAMESPACE/RELEASE`."""
        return {name: values.to_dict() for name, values in self._chart_values.items()}

    @cached_property
    def _chart_values(self) -> Mapping[str, ChartValues]:
        spec = self.settings
        return checked.charts_of(spec.istio, spec.cluster, self.mesh, mesh_config(self.mesh), spec.platform)

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """What the declaration stands for, in the order of `mesh.objects`."""
        return [owned.resource.to_dict() for owned in self.mesh.objects]

    @cached_property
    def surroundings(self) -> list[dict[str, Any]]:
        """What charts and app teams put beside: namespaces, Services, workloads, and Istio's own configuration."""
        istiod = [helm_values(name, values) for name, values in self.charts.items() if name.startswith("istiod")]
        return [*implied_objects(self.mesh, self.settings.istio.injects), *istiod]

    @cached_property
    def view(self) -> MeshView:
        return self.seen([*self.objects, *self.surroundings])

    def seen(self, objects: list[dict[str, Any]]) -> MeshView:
        """Objects as the linter reads them, with what this declaration says of its surroundings."""
        return MeshView(objects, environment=checked.environment(self.mesh), today=self.today)

    def findings(self) -> tuple[list[Problem], list[Problem]]:
        """(errors, warnings): what would stop the program, and what it would warn of."""
        spec = self.settings
        errors, warnings = checked.judged(
            self.mesh, self._chart_values, spec.istio.injects, accept=spec.accept, today=self.today
        )
        return errors, [*self.mesh.warnings, *spec.warnings(self.today), *warnings]
