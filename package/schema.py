"""The package's schema, from which Pulumi generates its SDKs: `python -m package.schema > package/schema.json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chatgpt_mesh import __version__
from chatgpt_mesh.package.inputs import interfaces
from chatgpt_mesh.package.names import camel
from chatgpt_mesh.package.pulumi_types import PACKAGE, PulumiTypes, token

if TYPE_CHECKING:
    from collections.abc import Iterable


def schema() -> dict[str, Any]:
    """https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/"""
    types: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    for name, interface in interfaces().items():
        found = PulumiTypes(interface.definitions)
        resources[token(name)] = {
            "isComponent": True,
            "description": interface.description,
            "inputProperties": found.properties(interface.inputs["properties"], name),
            "requiredInputs": _named(interface.inputs["required"]),
            "properties": found.properties(interface.outputs["properties"], f"{name}Output"),
            "required": _named(interface.outputs["required"]),
        }
        types |= found.types
    return {
        "name": PACKAGE,
        "displayName": PACKAGE,
        "version": __version__,
        "description": "Istio for ChatGPT apps (MCP servers), as components that take what a stack file declares.",
        "keywords": ["pulumi", "category/infrastructure", "kind/component"],
        "license": "Apache-2.0",
        "meta": {"moduleFormat": "(.*)"},
        "language": {
            "go": {
                "importBasePath": "example.com/pulumi-chatgpt-mesh/sdk/go/chatgptmesh",
                "respectSchemaVersion": True,
            },
            "nodejs": {"respectSchemaVersion": True},
            "python": {"pyproject": {"enabled": True}, "respectSchemaVersion": True},
        },
        "types": dict(sorted(types.items())),
        "resources": resources,
    }


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _named(names: Iterable[str]) -> list[str]:
    return sorted(map(camel, names))


if __name__ == "__main__":
    print(text(), end="")
