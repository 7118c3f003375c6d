"""Which values Istio's Helm charts know: the keys of values.yaml and every key that a template reads.

A key that is in neither is dropped in silence by three of the four charts, so these trees are what the classes of
`istio_api.chart_values` are made from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from chatgpt_mesh.istio_api.generate.istio_modules import module_directory

DEFAULTS_KEY = "_internal_defaults_do_not_set"


@dataclass(slots=True)
class Value:
    """One key: its default where values.yaml has one (`has_default`), and the keys below it."""

    default: Any = None
    has_default: bool = False
    below: dict[str, Value] = field(default_factory=dict[str, "Value"])


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of the pinned release."""

    name: str
    directory: str
    class_name: str
    protobuf: tuple[str, ...]
    """The messages of values_types.proto that have the chart's top-level keys; the first that knows a key counts."""
    not_values: tuple[str, ...] = ()
    """Top-level keys that templates read but that must not be set."""

    @property
    def path(self) -> Path:
        return module_directory("istio.io/istio") / "manifests" / "charts" / self.directory


CHARTS = (
    Chart("base", "base", "BaseValues", ("Values",)),
    # `pilot` is what the chart makes of the top-level keys for the injection templates.
    Chart("istiod", "istio-control/istio-discovery", "IstiodValues", ("PilotConfig", "Values"), ("pilot",)),
    Chart("cni", "istio-cni", "CniValues", ("CNIConfig", "Values")),
    # A template reads `ownerName`, but the chart's schema refuses it.
    Chart("gateway", "gateway", "GatewayValues", (), ("ownerName",)),
)


def known_values(chart: Chart) -> Value:
    """The tree of everything that the chart knows."""
    defaults = yaml.safe_load((chart.path / "values.yaml").read_text())[DEFAULTS_KEY]
    root = _tree(defaults)
    for path in sorted(_reads(chart)):
        if path[0] in (DEFAULTS_KEY, "defaults", "_original", *chart.not_values):
            continue
        node = root
        for name in path:
            node = node.below.setdefault(name, Value())
    return root


def _tree(value: Any) -> Value:
    below: Mapping[str, object] = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    return Value(value, True, {key: _tree(inner) for key, inner in below.items()})


_PARENTHESES = re.compile(r"\((\$?\.Values[\w.]*)\)")
_READ = re.compile(r"\.Values\.(\w+(?:\.\w+)*)")


def _reads(chart: Chart) -> Iterator[tuple[str, ...]]:
    # The files are templates too: istiod renders the injection templates with the same values.
    for file in (*(chart.path / "templates").iterdir(), *(chart.path / "files").iterdir()):
        if not file.is_file() or file.name.startswith("profile-"):
            continue
        text = re.sub(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", "", file.read_text(), flags=re.DOTALL)
        text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#") or "{{" in line)
        while (bare := _PARENTHESES.sub(r"\1", text)) != text:
            text = bare
        for match in _READ.finditer(text):
            yield tuple(match[1].split("."))


def values_schema(chart: Chart) -> Mapping[str, Any]:
    """The chart's own JSON Schema; an empty one where the chart has none."""
    file = chart.path / "values.schema.json"
    return yaml.safe_load(file.read_text())["$defs"]["values"] if file.exists() else {}
