"""The CRD schemas beside the protobuf messages that they were made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of Istio's API group, as its CRD defines it."""

    name: str
    group: str
    served: tuple[str, ...]
    written: str
    schema: Mapping[str, Any]

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.written}"


def kind_of(definition: Mapping[str, Any]) -> Kind:
    spec = definition["spec"]
    versions = [version for version in spec["versions"] if version["served"]]
    names = tuple(version["name"] for version in versions)
    # v1 where it is served: the stored version of Telemetry is still v1alpha1, but the two schemas are the same.
    written = "v1" if "v1" in names else next(version["name"] for version in versions if version["storage"])
    schema = next(version for version in versions if version["name"] == written)["schema"]["openAPIV3Schema"]
    return Kind(spec["names"]["kind"], spec["group"], names, written, schema["properties"]["spec"])


def objects_below(
    schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every object schema below this one, with the property names that lead to it (lists and maps add nothing)."""
    if "properties" in schema:
        yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from objects_below(inner, (*path, name))
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            yield from objects_below(schema[key], path)
