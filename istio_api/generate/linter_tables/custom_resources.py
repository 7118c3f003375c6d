"""The custom resource definitions of Istio and of Gateway API in the linter's compact form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from chatgpt_mesh.istio_api.generate.istio_modules import custom_resource_definitions, gateway_api_definitions

REQUIRED = ""
"""The name under which an object's schema lists its required fields, as `meshlint.schemas` reads it."""

_SCALARS = {"string": "s", "boolean": "b", "integer": "i", "number": "n"}


def compact(schema: Mapping[str, Any]) -> Any:
    """An OpenAPI v3 schema in the compact form."""
    if schema.get("x-kubernetes-int-or-string"):
        return "is"
    if "enum" in schema:
        return ["e", *schema["enum"]]
    match schema.get("type"):
        case "array":
            return ["l", compact(schema["items"])]
        case "object":
            return _object(schema)
        case kind:
            return _SCALARS.get(kind or "", "x")


def _object(schema: Mapping[str, Any]) -> Any:
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        fields = {name: compact(field) for name, field in sorted(schema["properties"].items())}
        return fields | ({REQUIRED: sorted(schema["required"])} if schema.get("required") else {})
    entries = schema.get("additionalProperties")
    return ["m", compact(cast("dict[str, Any]", entries))] if isinstance(entries, dict) else "x"


def istio_resources() -> dict[str, Any]:
    """Versions and the schema of the stored spec, by GROUP/KIND."""
    return _tables(custom_resource_definitions())


def gateway_api_resources() -> dict[str, Any]:
    """The same of Gateway API's kinds."""
    return _tables(gateway_api_definitions())


def _tables(definitions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for definition in definitions:
        spec = definition["spec"]
        stored = next(version for version in spec["versions"] if version["storage"])
        tables[f"{spec['group']}/{spec['names']['kind']}"] = {
            "versions": {
                version["name"]: {
                    "served": version["served"],
                    "storage": version["storage"],
                    "deprecated": version.get("deprecated", False),
                }
                for version in spec["versions"]
            },
            "spec": compact(stored["schema"]["openAPIV3Schema"]["properties"]["spec"]),
        }
    return dict(sorted(tables.items()))
