"""Which keys the values of each chart may hold, for a linter that only asks whether a key is known.

Wider than `istio_api.chart_values`: values that people have written for years count as known where Istio's templates
still read them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml

from chatgpt_mesh.istio_api.generate.charts import CHARTS, DEFAULTS_KEY
from chatgpt_mesh.istio_api.generate.istio_modules import VALUES_TYPES, module_directory, values_types
from chatgpt_mesh.istio_api.generate.linter_tables.message_schemas import MessageSchemas

KeyTree: TypeAlias = "dict[str, KeyTree] | str"
"""The keys below a key; OPEN where anything may stand."""

OPEN = "x"

DIRECTORIES = {chart.name: chart.directory for chart in CHARTS} | {"ztunnel": "ztunnel"}
"""The program installs no ztunnel, but the linter reads the values of those who do."""

SHARED = ("profile", "platform", "compatibilityVersion", "enabled")
"""Keys that every chart takes."""

FREE_FORM = frozenset(
    {
        "podAnnotations", "annotations", "labels", "podLabels", "env", "nodeSelector", "resources", "requests",
        "limits", "affinity", "injectedAnnotations", "meshConfig", "meshNetworks", "serviceAnnotations", "platforms",
        "deploymentLabels", "deploymentAnnotations", "daemonSetLabels", "templates", "securityContext", "networkLabels",
    }
)  # fmt: skip
"""Maps whose keys the user chooses, although values.yaml shows an example in some."""


def chart_values() -> dict[str, KeyTree]:
    """The keys of each chart, and of the `values` of an IstioOperator."""
    values = _operator_values()
    charts = module_directory("istio.io/istio") / "manifests" / "charts"
    tables: dict[str, KeyTree] = {"IstioOperator": _closed(values)}
    for name, directory in DIRECTORIES.items():
        tables[name] = _closed(_chart(name, charts / directory, values))
    return tables


def _operator_values() -> dict[str, KeyTree]:
    compiled = values_types()
    package = next(file.package for file in compiled.file if file.name == VALUES_TYPES)
    return cast("dict[str, KeyTree]", _names(MessageSchemas(compiled).schema(f".{package}.Values")))


def _chart(name: str, directory: Path, values: Mapping[str, KeyTree]) -> dict[str, KeyTree]:
    written: dict[str, Any] = yaml.safe_load((directory / "values.yaml").read_text(encoding="utf-8"))
    defaults: dict[str, Any] = written.pop(DEFAULTS_KEY, {})
    tree = _union(_union(_keys(written), _keys(defaults)), _read_by_templates(directory))
    tree.pop(DEFAULTS_KEY, None)
    if name == "gateway":
        schema = yaml.safe_load((directory / "values.schema.json").read_text(encoding="utf-8"))
        declared = set(schema["$defs"]["values"]["properties"]) - {DEFAULTS_KEY}
        tree = _union(tree, dict.fromkeys(declared, OPEN))
        tree |= {key: _tree(inner) for key, inner in defaults.items() if key in tree and isinstance(inner, dict)}
    if name == "istiod":
        # Istio's templates still read the sections that the charts had before they were split.
        tree = _union(tree, {key: values[key] for key in ("global", "sidecarInjectorWebhook", "telemetry")})
        tree["pilot"] = values["pilot"]
    tree = dict.fromkeys(SHARED, OPEN) | tree
    tree["global"] = OPEN if name == "gateway" else _either(tree.get("global", {}), values["global"])
    return tree


def _tree(value: Any) -> KeyTree:
    """The keys of a default; an empty map or a scalar leaves its content open."""
    return _keys(cast("dict[str, Any]", value)) if isinstance(value, dict) and value else OPEN


def _keys(defaults: Mapping[str, Any]) -> dict[str, KeyTree]:
    return {str(key): _tree(inner) for key, inner in defaults.items()}


def _union(left: Mapping[str, KeyTree], right: Mapping[str, KeyTree]) -> dict[str, KeyTree]:
    return {
        key: _either(left[key], right[key]) if key in left and key in right else left.get(key, right.get(key, OPEN))
        for key in sorted({*left, *right})
    }


def _either(left: KeyTree, right: KeyTree) -> KeyTree:
    # Where one side leaves the content open, so does the union.
    return _union(left, right) if isinstance(left, dict) and isinstance(right, dict) else OPEN


def _read_by_templates(chart: Path) -> dict[str, KeyTree]:
    """Keys that the templates read although values.yaml does not list them."""
    root: dict[str, Any] = {}
    for template in sorted((chart / "templates").rglob("*")):
        if not template.is_file():
            continue
        for path in re.findall(r"\.Values((?:\.[A-Za-z_][A-Za-z0-9_]*)+)", template.read_text(encoding="utf-8")):
            level = root
            for key in path.strip(".").split("."):
                level = level.setdefault(key, {})
    return _keys(root)


def _names(schema: Any) -> KeyTree:
    """A typed schema reduced to its key names."""
    if not isinstance(schema, dict) or not schema:
        return OPEN
    return {key: _names(inner) for key, inner in cast("dict[str, Any]", schema).items()}


def _closed(tree: Mapping[str, KeyTree]) -> dict[str, KeyTree]:
    return {key: OPEN if key in FREE_FORM or isinstance(inner, str) else _closed(inner) for key, inner in tree.items()}
