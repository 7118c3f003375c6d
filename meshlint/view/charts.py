"""Istio as it is installed: by the values of its charts, or by an IstioOperator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from meshlint.view.fields import Json, mapping, value
from meshlint.view.manifest import HELM_VALUES
from meshlint.view.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest


@dataclass(slots=True)
class Chart:
    """The values of one installed chart. Named CHART, CHART/RELEASE or CHART/NAMESPACE/RELEASE."""

    obj: Manifest
    name: str
    namespace: str
    release: str
    values: Json
    path: Path = ("values",)

    def get(self, *keys: str) -> Any:
        """The value under nested keys; None where one is missing."""
        return value(self.values, *keys)


def helm_values(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The stand-in object that carries a chart's values among the manifests."""
    return {"apiVersion": "v1", "kind": HELM_VALUES, "metadata": {"name": name}, "values": values}


class Charts(Objects):
    """The charts and the operators of a mesh."""

    @cached_property
    def charts(self) -> list[Chart]:
        """Every chart whose values are among the objects."""
        found: list[Chart] = []
        for obj in self.by_kind.get(HELM_VALUES, ()):
            parts = obj.name.split("/")
            found.append(
                Chart(
                    obj,
                    parts[0],
                    parts[1] if len(parts) > 2 else "",
                    parts[-1] if len(parts) > 1 else "",
                    mapping(obj.body, "values"),
                )
            )
        return found

    def charts_named(self, *names: str) -> list[Chart]:
        """The charts of those names, whatever their releases are called."""
        return [chart for chart in self.charts if chart.name in names]

    @cached_property
    def istio_operators(self) -> list[Manifest]:
        """By name, so that what a rule says does not depend on the order of files."""
        return sorted(self.by_kind.get("IstioOperator", []), key=lambda obj: (obj.namespace, obj.name))
