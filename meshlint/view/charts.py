"""Istio as it is installed: by the values of its charts, or by an IstioOperator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from meshlint.view.fields import Json, elements, mapping, text, value
from meshlint.view.manifest import HELM_VALUES
from meshlint.view.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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

    @cached_property
    def gateways_keep_to_their_namespace(self) -> bool:
        """Whether istiod lets a Gateway open its servers on pods of its own namespace alone; by default on any that
        have its labels. https://istio.io/latest/docs/reference/commands/pilot-discovery/#envvars"""
        return any(
            name == "PILOT_SCOPE_GATEWAY_TO_NAMESPACE" and value.lower() in ("1", "t", "true")
            for _, _, name, value in environment_variables(self)
        )


def environment_variables(mesh: Charts) -> Iterator[tuple[Manifest, Path, str, str]]:
    """(object, path, name, value) of each variable that chart values or an IstioOperator give istiod or a gateway."""
    for chart in mesh.charts:
        for keys in (("env",), ("pilot", "env")):
            for name, content in mapping(chart.values, *keys).items():
                yield chart.obj, (*chart.path, *keys, name), name, str(content)
    for operator in mesh.istio_operators:
        yield from _operator(operator)


def _operator(operator: Manifest) -> Iterator[tuple[Manifest, Path, str, str]]:
    components: list[tuple[Path, object]] = [
        (("spec", "components", "pilot"), mapping(operator.spec, "components", "pilot"))
    ]
    for block in ("ingressGateways", "egressGateways"):
        entries = elements(operator.spec, "components", block)
        components += [(("spec", "components", block, position), entry) for position, entry in enumerate(entries)]
    for path, component in components:
        for position, variable in enumerate(elements(component, "k8s", "env")):
            where = (*path, "k8s", "env", position, "value")
            yield operator, where, text(variable, "name"), text(variable, "value")
    for name, content in mapping(operator.spec, "values", "pilot", "env").items():
        yield operator, ("spec", "values", "pilot", "env", name), name, str(content)
    for gateway, settings in mapping(operator.spec, "values", "gateways").items():
        for name, content in mapping(settings, "env").items():
            yield operator, ("spec", "values", "gateways", gateway, "env", name), name, str(content)
