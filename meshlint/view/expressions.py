"""Where Istio's objects hold CEL, and where installations set environment variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@dataclass(slots=True)
class Expression:
    obj: Manifest
    path: Path
    text: str
    boolean: bool
    """Whether it is a condition; else its value becomes a tag."""


def expressions(mesh: MeshView) -> list[Expression]:
    """Every CEL expression of Telemetry objects."""
    found: list[Expression] = []
    for obj in mesh.istio("Telemetry"):
        for position, metrics in enumerate(elements(obj.spec, "metrics")):
            for number, override in enumerate(elements(metrics, "overrides")):
                for tag in mapping(override, "tagOverrides"):
                    written = text(override, "tagOverrides", tag, "value")
                    if written:
                        path = ("spec", "metrics", position, "overrides", number, "tagOverrides", tag, "value")
                        found.append(Expression(obj, path, written, boolean=False))
        for position, logging in enumerate(elements(obj.spec, "accessLogging")):
            written = text(logging, "filter", "expression")
            if written:
                path = ("spec", "accessLogging", position, "filter", "expression")
                found.append(Expression(obj, path, written, boolean=True))
    return found


def environment_variables(mesh: MeshView) -> Iterator[tuple[Manifest, Path, str, str]]:
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
