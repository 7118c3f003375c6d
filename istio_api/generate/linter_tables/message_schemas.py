"""Protobuf messages in the linter's compact form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf import descriptor_pb2

from chatgpt_mesh.istio_api.generate.istio_modules import file_descriptors, module_directory

FieldProto = descriptor_pb2.FieldDescriptorProto

WELL_KNOWN = {
    ".google.protobuf.Duration": "s",
    ".google.protobuf.Struct": "x",
    ".google.protobuf.Value": "x",
    ".google.protobuf.Any": "x",
    ".google.protobuf.BoolValue": "b",
    ".google.protobuf.StringValue": "s",
    ".google.protobuf.DoubleValue": "n",
    ".google.protobuf.UInt32Value": "i",
    ".google.protobuf.Int32Value": "i",
    ".google.protobuf.Int64Value": "i",
    ".google.protobuf.UInt64Value": "i",
}
"""Messages that JSON writes as one value."""

_SCALARS = {
    FieldProto.TYPE_BOOL: "b",
    FieldProto.TYPE_STRING: "s",
    FieldProto.TYPE_BYTES: "s",
    FieldProto.TYPE_DOUBLE: "n",
    FieldProto.TYPE_FLOAT: "n",
}


class MessageSchemas:
    """The messages of compiled files, as compact schemas."""

    def __init__(self, compiled: descriptor_pb2.FileDescriptorSet) -> None:
        self._messages: dict[str, descriptor_pb2.DescriptorProto] = {}
        self._enums: dict[str, list[str]] = {}
        for file in compiled.file:
            self._collect(f".{file.package}" if file.package else "", file.message_type, file.enum_type)

    def _collect(
        self,
        prefix: str,
        messages: Iterable[descriptor_pb2.DescriptorProto],
        enums: Iterable[descriptor_pb2.EnumDescriptorProto],
    ) -> None:
        for enum in enums:
            self._enums[f"{prefix}.{enum.name}"] = [value.name for value in enum.value]
        for message in messages:
            name = f"{prefix}.{message.name}"
            self._messages[name] = message
            self._collect(name, message.nested_type, message.enum_type)

    def schema(self, name: str, around: tuple[str, ...] = ()) -> Any:
        """The schema of a message by its full name; open where a message contains itself."""
        if name in WELL_KNOWN:
            return WELL_KNOWN[name]
        if name in around or name not in self._messages:
            return "x"
        fields = sorted(self._messages[name].field, key=lambda field: field.json_name)
        return {field.json_name: self._field(field, (*around, name)) for field in fields}

    def _field(self, field: FieldProto, around: tuple[str, ...]) -> Any:
        entry = self._messages.get(field.type_name)
        if entry is not None and entry.options.map_entry:
            value = next(part for part in entry.field if part.name == "value")
            return ["m", self._single(value, around)]
        single = self._single(field, around)
        return ["l", single] if field.label == FieldProto.LABEL_REPEATED else single

    def _single(self, field: FieldProto, around: tuple[str, ...]) -> Any:
        if field.type == FieldProto.TYPE_MESSAGE:
            return self.schema(field.type_name, around)
        if field.type == FieldProto.TYPE_ENUM:
            return ["e", *self._enums[field.type_name]]
        return _SCALARS.get(field.type, "i")


def mesh_config() -> dict[str, Any]:
    """The schema of MeshConfig, under its name."""
    api = module_directory("istio.io/api")
    compiled = file_descriptors(["mesh/v1alpha1/config.proto"], [api, api / "common-protos"])
    return {"MeshConfig": MessageSchemas(compiled).schema(".istio.mesh.v1alpha1.MeshConfig")}
