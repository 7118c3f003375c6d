"""Every property of every CRD schema is a field of a message, and every field is a property: both ways."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.istio_api import field_types
from chatgpt_mesh.istio_api.generate.istio_modules import custom_resource_definitions
from chatgpt_mesh.istio_api.kinds import KINDS
from chatgpt_mesh.istio_api.message import Message, MessageType, ResourceSpec, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXCEPTIONS = {
    # The CRD serves these fields a second time under their protobuf name; `from_dict` reads both, `to_dict` writes one.
    "VirtualService.http.mirror_percent",
    "RequestAuthentication.jwtRules.jwks_uri",
}

DEFINITIONS = {d["spec"]["names"]["kind"]: d for d in custom_resource_definitions()}


def served_schemas(kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for version in DEFINITIONS[kind]["spec"]["versions"]:
        if version["served"]:
            yield version["name"], version["schema"]["openAPIV3Schema"]["properties"]["spec"]


def spec_of(kind: str) -> type[ResourceSpec]:
    return getattr(importlib.import_module(KINDS[kind].module), kind)


def test_every_kind_is_generated_in_every_served_version() -> None:
    assert {
        kind: (d["spec"]["group"], tuple(name for name, _ in served_schemas(kind))) for kind, d in DEFINITIONS.items()
    } == {kind: (known.group, known.served) for kind, known in KINDS.items()}
    assert len(KINDS) == 15


@pytest.mark.parametrize("kind", sorted(DEFINITIONS))
def test_written_version_is_v1_where_served_and_else_the_stored_one(kind: str) -> None:
    versions = {v["name"]: v for v in DEFINITIONS[kind]["spec"]["versions"]}
    stored = next(name for name, version in versions.items() if version["storage"])
    group, _, written = spec_of(kind).API_VERSION.partition("/")
    assert group == DEFINITIONS[kind]["spec"]["group"]
    assert written == ("v1" if versions.get("v1", {}).get("served") else stored)


@pytest.mark.parametrize("kind", sorted(DEFINITIONS))
def test_fields_and_properties_are_the_same(kind: str) -> None:
    for _, schema in served_schemas(kind):
        differences = set(compare(kind, schema, spec_of(kind)))
        assert differences <= EXCEPTIONS


def test_no_exception_is_stale() -> None:
    found = {
        difference
        for kind in DEFINITIONS
        for _, schema in served_schemas(kind)
        for difference in compare(kind, schema, spec_of(kind))
    }
    assert found == EXCEPTIONS


def compare(path: str, schema: Mapping[str, Any], message: type[Message]) -> Iterator[str]:
    """Paths that only one side knows, or where the two sides differ in type or in what is required."""
    properties = schema["properties"]
    fields = {field.json_name: field for field in fields_of(message)}
    yield from (f"{path}.{name}" for name in properties.keys() ^ fields.keys())
    required = {field.json_name for field in fields.values() if field.required}
    yield from (f"{path}.{name} is required on one side" for name in set(schema.get("required", ())) ^ required)
    for name in properties.keys() & fields.keys():
        yield from compare_type(f"{path}.{name}", properties[name], fields[name].type)


def compare_type(path: str, schema: Mapping[str, Any], type_: field_types.FieldType) -> Iterator[str]:
    match type_:
        case field_types.ListType():
            yield from expect(path, schema, "array")
            yield from compare_type(path, schema["items"], type_.item)
        case field_types.MapType():
            yield from expect(path, schema, "object")
            yield from compare_type(path, schema["additionalProperties"], type_.item)
        case MessageType() if "properties" in schema:
            yield from expect(path, schema, "object")
            yield from compare(path, schema, type_.message)
        case MessageType():
            yield from expect(path, schema, "object")
            if fields_of(type_.message):
                yield f"{path} has fields in Python only"
        case field_types.EnumType():
            yield from expect(path, schema, "string")
            # The zero value "" is how an old CRD spells an unset enum; in Python that is None.
            if {value for value in schema["enum"] if value} != {member.value for member in type_.enum}:
                yield f"{path} differs in its values"
        case field_types.JsonType():
            if not (schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("type") == "object"):
                yield f"{path} is free-form in Python only"
        case field_types.TextType() | field_types.DurationType():
            yield from expect(path, schema, "string")
        case field_types.TruthType():
            yield from expect(path, schema, "boolean")
        case field_types.IntegerType():
            yield from expect(path, schema, "integer")
        case field_types.NumberType():
            yield from expect(path, schema, "number")
        case _:
            raise AssertionError(f"{path}: nothing is known of {type_}")


def expect(path: str, schema: Mapping[str, Any], json_type: str) -> Iterator[str]:
    # int64 fields take a string too in the JSON form of protobuf.
    if schema.get("type") != json_type and not (json_type == "integer" and schema.get("x-kubernetes-int-or-string")):
        yield f"{path} is {schema.get('type')} in the CRD, {json_type} in Python"
