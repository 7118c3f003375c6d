"""The linter's JSON files, each with the modules that it was read from."""

from __future__ import annotations

import json
from typing import Any

from chatgpt_mesh.istio_api.generate.istio_modules import GATEWAY_API, module_version
from chatgpt_mesh.istio_api.generate.linter_tables.chart_keys import chart_values
from chatgpt_mesh.istio_api.generate.linter_tables.custom_resources import gateway_api_resources, istio_resources
from chatgpt_mesh.istio_api.generate.linter_tables.environment_names import environment_names
from chatgpt_mesh.istio_api.generate.linter_tables.message_schemas import mesh_config

DIRECTORY = "meshlint/schemas"


def linter_files() -> dict[str, str]:
    """Every JSON file of the linter, by its path below the repository."""
    istio = ("istio.io/api", "istio.io/istio")
    tables: dict[str, tuple[tuple[str, ...], Any]] = {
        "istio_resources": (istio, istio_resources()),
        "gateway_api_resources": ((*istio, GATEWAY_API), gateway_api_resources()),
        "mesh_config": (istio, mesh_config()),
        "chart_values": (istio, chart_values()),
        "environment_names": (istio, {"names": environment_names()}),
    }
    return {f"{DIRECTORY}/{name}.json": _written(modules, table) + "\n" for name, (modules, table) in tables.items()}


def _written(modules: tuple[str, ...], table: Any) -> str:
    provenance = {
        "generated_by": "python -m istio_api.generate",
        "from": {module: module_version(module) for module in modules},
    }
    return json.dumps({**provenance, "tables": table}, separators=(",", ":"))
