"""JSON Schema, as pydantic writes it of a spec, in the words of Pulumi's package schema.

https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from chatgpt_mesh.package.names import PREFIX, camel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE = "chatgpt-mesh"

Json = dict[str, Any]

ANY: Json = {"$ref": "pulumi.json#/Any"}
_NUMBERS = {"integer", "number"}


def token(name: str) -> str:
    """The name of a component or of a type in the package."""
    return f"{PACKAGE}:index:{name}"


class PulumiTypes:
    """Types of the package, collected while what refers to them is translated."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self.types: Json = {}
        """By token."""

    def properties(self, schemas: Mapping[str, Any], owner: str) -> Json:
        """Pulumi's properties for those of an object. `owner` is the object's name, which names of enums begin with."""
        return {camel(name): self._property(schema, f"{owner}{_capital(name)}") for name, schema in schemas.items()}

    def _property(self, schema: Mapping[str, Any], name: str) -> Json:
        return {**self._type(schema, name), "description": described(schema)}

    def _type(self, schema: Mapping[str, Any], name: str) -> Json:
        branches = [branch for branch in _branches(schema) if branch.get("type") != "null"]
        if len(branches) != 1:
            return _union([self._type(branch, name) for branch in branches])
        (one,) = branches
        if "$ref" in one:
            return self._reference(one["$ref"].removeprefix(PREFIX))
        if "enum" in one:
            return self._enum(one, name)
        match one.get("type"):
            case "array":
                return {"type": "array", "items": self._type(one["items"], name)}
            case "object":
                return {"type": "object", "additionalProperties": self._values(one, name)}
            case "string" | "boolean" | "integer" | "number" as primitive:
                return {"type": primitive}
            case _:
                return ANY

    def _values(self, schema: Mapping[str, Any], name: str) -> Json:
        """What a mapping by chosen names holds."""
        kinds = [*schema.get("patternProperties", {}).values()]
        if isinstance(schema.get("additionalProperties"), dict):
            kinds.append(schema["additionalProperties"])
        return _union([self._type(kind, name) for kind in kinds]) if kinds else ANY

    def _reference(self, name: str) -> Json:
        definition = self._definitions[name]
        if "properties" not in definition:
            return self._type(definition, name)
        if token(name) not in self.types:
            self.types[token(name)] = {}  # a spec may hold itself
            made = {
                "description": definition.get("description", ""),
                "type": "object",
                "properties": self.properties(definition["properties"], name.removesuffix("Spec")),
            }
            if required := definition.get("required"):
                made["required"] = sorted(map(camel, required))
            self.types[token(name)] = made
        return _refers_to(name)

    def _enum(self, schema: Mapping[str, Any], name: str) -> Json:
        values: list[Any] = schema["enum"]
        kind = schema.get("type", "string")
        made = {
            "type": kind,
            "enum": [
                {"value": value} if isinstance(value, str) else {"name": f"Value{value}", "value": value}
                for value in values
            ],
        }
        if self.types.setdefault(token(name), made) != made:
            raise ValueError(f"two enums would be called {name}")
        return _refers_to(name)


def _branches(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("anyOf", "oneOf"):
        if key in schema:
            for branch in schema[key]:
                yield from _branches(branch)
            return
    yield schema


def _union(kinds: list[Json]) -> Json:
    """One of the types; a type that takes in another stands for both, as text does for one particular text."""
    distinct: list[Json] = []
    for kind in kinds:
        if kind not in distinct:
            distinct.append(kind)
    if {"type": "number"} in distinct:
        distinct = [kind for kind in distinct if kind.get("type") != "integer"]
    return distinct[0] if len(distinct) == 1 else {"oneOf": distinct}


def _refers_to(name: str) -> Json:
    return {"$ref": f"#/types/{token(name)}"}


def _capital(name: str) -> str:
    written = camel(name)
    return written[:1].upper() + written[1:]


def described(schema: Mapping[str, Any]) -> str:
    """What a setting is, its bounds, its default and an example, as text."""
    said = [str(schema.get("description", "")).strip()]
    one = next((branch for branch in _branches(schema) if branch.get("type") != "null"), schema)
    low, high = one.get("minimum"), one.get("maximum")
    if low is not None and high is not None:
        said.append(f"From {low:g} to {high:g}.")
    elif low is not None:
        said.append(f"{low:g} or more.")
    if (default := schema.get("default")) not in (None, "", [], {}) and not isinstance(default, (dict, list)):
        said.append(f"Default: {_as_written(default)}.")
    examples = cast("list[Any]", schema.get("examples") or one.get("examples") or [])
    if examples:
        said.append(f"Example: {examples[0]}")
    return " ".join(filter(None, (_ended(text) for text in said)))


def _as_written(default: Any) -> str:
    """A default as a stack file has it; pydantic's schema writes durations as ISO 8601 does."""
    if isinstance(default, bool):
        return "true" if default else "false"
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", str(default))
    if found is None or str(default) == "P":
        return f"{default}"
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return f"{((days * 24 + hours) * 60 + minutes) * 60 + seconds:g}s"


def _ended(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) or "://" in text.split(" ")[-1] else f"{text}."
