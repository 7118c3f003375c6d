"""Where Istio's objects hold CEL, and where installations set environment variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
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
