"""The linter's JSON files, each with the modules that it was read from."""

from __future__ import annotations

import json
from typing import Any

from chatgpt_mesh.istio_api.generate.istio_modules import module_version
from chatgpt_mesh.istio_api.generate.linter_tables.chart_keys import chart_values
from chatgpt_mesh.istio_api.generate.linter_tables.custom_resources import istio_resources
from chatgpt_mesh.istio_api.generate.linter_tables.environment_names import environment_names
from chatgpt_mesh.istio_api.generate.linter_tables.message_schemas import mesh_config

DIRECTORY = "meshlint/schemas"


def linter_files() -> dict[str, str]:
    """Every JSON file of the linter, by its path below the repository."""
    tables: dict[str, Any] = {
        "istio_resources": istio_resources(),
        "mesh_config": mesh_config(),
        "chart_values": chart_values(),
        "environment_names": {"names": environment_names()},
    }
    provenance = {
        "generated_by": "python -m istio_api.generate",
        "from": {module: module_version(module) for module in ("istio.io/api", "istio.io/istio")},
    }
    return {
        f"{DIRECTORY}/{name}.json": json.dumps({**provenance, "tables": table}, separators=(",", ":")) + "\n"
        for name, table in tables.items()
    }
