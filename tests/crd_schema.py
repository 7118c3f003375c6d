"""Istio's CRD schemas as an oracle for tests: what the API server would refuse or drop in silence.

    from tests.crd_schema import assert_served

    assert_served(resource.to_dict())

Read from the Go module that the lab's toolchain pins. Unknown fields are mistakes here, since the API server prunes
them. Rules in CEL (`x-kubernetes-validations`) are the API server's alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

from chatgpt_mesh.istio_api.generate.istio_modules import custom_resource_definitions


def assert_served(*manifests: Mapping[str, Any]) -> None:
    """Fail with every mistake of every manifest."""
    mistakes = [f"{_name(manifest)}: {mistake}" for manifest in manifests for mistake in problems(manifest)]
    assert not mistakes, "\n".join(mistakes)


def problems(manifest: Mapping[str, Any]) -> list[str]:
    """Every mistake of a manifest, with its path; none means that the API server keeps all of it."""
    key = (manifest.get("apiVersion"), manifest.get("kind"))
    validator = _validators().get(key)
    if validator is None:
        return [f"{key[1]} is not served as {key[0]}"]
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


@functools.cache
def _validators() -> Mapping[tuple[Any, Any], Any]:
    return dict(_every_validator())


def _every_validator() -> Iterator[tuple[tuple[str, str], Any]]:
    for definition in custom_resource_definitions():
        spec = definition["spec"]
        for version in spec["versions"]:
            if version["served"]:
                schema = _closed(version["schema"]["openAPIV3Schema"])
                # What Kubernetes adds to every object is not in the schema of a CRD.
                schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}
                yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), jsonschema.Draft7Validator(schema)


def _closed(schema: Any) -> Any:
    """The schema with unknown fields refused and `nullable` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed: dict[str, Any] = {}
    for key, value in schema.items():
        # Below `properties` and the like, keys are names of fields, not words of the schema.
        closed[key] = {n: _closed(v) for n, v in value.items()} if key == "properties" else _closed(value)
    if closed.get("nullable") and isinstance(closed.get("type"), str):
        closed["type"] = [closed["type"], "null"]
    if (
        closed.get("type") == "object"
        and "properties" in closed
        and not closed.get("x-kubernetes-preserve-unknown-fields")
    ):
        closed.setdefault("additionalProperties", False)
    return closed


def _name(manifest: Mapping[str, Any]) -> str:
    metadata = manifest.get("metadata", {})
    return f"{manifest.get('kind')}/{metadata.get('namespace')}/{metadata.get('name')}"
