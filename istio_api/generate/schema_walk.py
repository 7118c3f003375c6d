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


Limits = dict[str, int | float | str]
"""Arguments of `istio_api.limits.Limits`."""

_WORDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "minProperties": "min_length",
    "maxProperties": "max_length",
    "pattern": "pattern",
}
_PORT_RULE = "0 < self && self <= 65535"


def field_limits(schema: Mapping[str, Any], *, required: bool, unsigned: bool) -> Iterator[tuple[str, Limits]]:
    """What the schema of a field says of its value (""), and of each entry of a list or map ("[]")."""
    entries = [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), Mapping)]
    limits = _limits(schema, unsigned=unsigned)
    if (required or entries) and limits.get("min_length") == 1:
        del limits["min_length"]  # "required" says it already, and an empty list is not written
    yield "", limits
    yield from (("[]", _limits(entry, unsigned=unsigned)) for entry in entries)


def _limits(schema: Mapping[str, Any], *, unsigned: bool) -> Limits:
    limits = {name: schema[word] for word, name in _WORDS.items() if word in schema}
    if limits.get("maximum") in (2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1):  # the bound of the integer's type
        del limits["maximum"]
    if limits.get("minimum") in ((0,) if unsigned else (-(2**31), -(2**63))):
        del limits["minimum"]
    if any(rule["rule"] == _PORT_RULE for rule in schema.get("x-kubernetes-validations", ())):
        limits |= {"minimum": 1, "maximum": 65535}
    return limits


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
