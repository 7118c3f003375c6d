"""Istio's protobuf messages as the generator sees them: Python names, modules, types, and what the CRDs add."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from chatgpt_mesh.istio_api.generate.schema_walk import Kind, Limits, field_limits, objects_below

FieldProto = descriptor_pb2.FieldDescriptorProto

PACKAGES = {
    "networking": ("networking/v1alpha3", "networking/v1beta1"),
    "security": ("security/v1beta1",),
    "telemetry": ("telemetry/v1alpha1",),
    "extensions": ("extensions/v1alpha1",),
    "type": ("type/v1beta1",),
    "mesh_config": ("mesh/v1alpha1",),
}
"""Python package to the directories of `istio.io/api` whose protobuf files it holds."""

_MESH_ROOTS = (".istio.mesh.v1alpha1.MeshConfig", ".istio.mesh.v1alpha1.MeshNetworks")
_REQUIRED = 2  # google.api.FieldBehavior.REQUIRED


@dataclass(frozen=True, slots=True)
class Enum:
    python_name: str
    module: str
    page: str
    values: tuple[str, ...]


@dataclass(slots=True)
class Message:
    """One message; `aliases`, `oneofs` and `limits` grow by what the CRDs say."""

    python_name: str
    module: str
    page: str
    proto_name: str
    descriptor: descriptor_pb2.DescriptorProto
    required: frozenset[str]
    oneofs: list[tuple[str, ...]]
    aliases: dict[str, str] = field(default_factory=dict[str, str])
    limits: dict[str, list[Limits]] = field(default_factory=dict[str, list[Limits]])
    """What each use of the message says of a field, or of its entries (`NAME[]`)."""
    kind: Kind | None = None

    def agreed_limits(self) -> dict[str, Limits]:
        """The limits that hold wherever the message is used."""
        return {name: uses[0] for name, uses in self.limits.items() if uses[0] and all(u == uses[0] for u in uses)}

    def field_named(self, json_name: str) -> FieldProto | None:
        return next((f for f in self.descriptor.field if f.json_name == json_name), None)


_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?<!_[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z](?!s$)[a-z])")


def python_field_name(name: str) -> str:
    """`podDNSSearchNamespaces` to `pod_dns_search_namespaces`, `from` to `from_`."""
    snake = _WORD_STARTS.sub("_", name).lower()
    return f"{snake}_" if keyword.iskeyword(snake) else snake


def top_level(found: list[Message | Enum]) -> list[str]:
    """The messages that are not nested in another one."""
    return [one.python_name for one in found if isinstance(one, Message) and "_" not in one.python_name]


def proto_package(found: list[Message | Enum]) -> str:
    return next(one.proto_name for one in found if isinstance(one, Message)).rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every message and enum that is generated, by its full protobuf name (`.istio.networking.v1alpha3.HTTPRoute`)."""

    messages: Mapping[str, Message]
    enums: Mapping[str, Enum]
    map_entries: Mapping[str, descriptor_pb2.DescriptorProto]

    def modules(self) -> dict[str, list[Message | Enum]]:
        """The content of each Python module, in the order of the protobuf file."""
        content: dict[str, list[Message | Enum]] = {}
        for definition in (*self.messages.values(), *self.enums.values()):
            content.setdefault(definition.module, []).append(definition)
        return dict(sorted(content.items()))

    def map_types(self, proto: FieldProto) -> tuple[FieldProto, FieldProto] | None:
        """Key and value of a map field, None for any other field."""
        entry = self.map_entries.get(proto.type_name)
        return (entry.field[0], entry.field[1]) if entry else None


def catalogue(files: descriptor_pb2.FileDescriptorSet, kinds: list[Kind]) -> Catalogue:
    """Read the messages of PACKAGES from compiled files, and add what the CRDs say of them."""
    messages: dict[str, Message] = {}
    enums: dict[str, Enum] = {}
    map_entries: dict[str, descriptor_pb2.DescriptorProto] = {}
    behaviour = _FieldBehaviour(files)
    for file in files.file:
        module = _module(file.name)
        if module is None:
            continue
        page = _reference_page(file)
        for name, descriptor in _messages_of(file):
            python_name = name.replace(".", "_")
            link = f"{page}#{name.replace('.', '-')}"
            full = f".{file.package}.{name}"
            if descriptor.options.map_entry:
                map_entries[full] = descriptor
                continue
            messages[full] = Message(
                python_name=python_name,
                module=module,
                page=link,
                proto_name=full.removeprefix("."),
                descriptor=descriptor,
                required=frozenset(f.name for f in descriptor.field if behaviour.is_required(f)),
                oneofs=_oneofs(descriptor),
            )
            for enum in descriptor.enum_type:
                enums[f"{full}.{enum.name}"] = Enum(
                    f"{python_name}_{enum.name}", module, f"{link}-{enum.name}", tuple(v.name for v in enum.value)
                )
        for enum in file.enum_type:
            enums[f".{file.package}.{enum.name}"] = Enum(
                enum.name, module, f"{page}#{enum.name}", tuple(v.name for v in enum.value)
            )
    read = Catalogue(messages, enums, map_entries)
    roots = [_add_kind(read, kind) for kind in kinds] + list(_MESH_ROOTS)
    used = _reachable(read, roots)
    return Catalogue(
        {name: m for name, m in messages.items() if name in used},
        {name: e for name, e in enums.items() if name in used},
        map_entries,
    )


def _reachable(read: Catalogue, roots: list[str]) -> set[str]:
    """Names of everything that a configuration can hold; what is left are the status messages."""
    used: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in used:
            continue
        used.add(name)
        message = read.messages.get(name) or read.map_entries.get(name)
        descriptor = message.descriptor if isinstance(message, Message) else message
        waiting += [f.type_name for f in descriptor.field if f.type_name] if descriptor else []
    return used


def _module(proto_file: str) -> str | None:
    directory = str(PurePosixPath(proto_file).parent)
    for package, directories in PACKAGES.items():
        if directory in directories:
            return f"{package}.{PurePosixPath(proto_file).stem}"
    return None


def _reference_page(file: descriptor_pb2.FileDescriptorProto) -> str:
    """The page that the file's own `$location` names, in the form that istio.io serves without a redirect."""
    if file.name.startswith("mesh/"):  # one page for the package; only config.proto names it
        return "https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/"
    comments = (text for location in file.source_code_info.location for text in location.leading_detached_comments)
    match = re.search(r"\$location: https://istio\.io/docs/(\S+)\.html", "\n".join(comments))
    if match is None:
        raise SystemExit(f"{file.name} does not name its reference page ($location)")
    return f"https://istio.io/latest/docs/{match[1]}/"


def _messages_of(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, descriptor_pb2.DescriptorProto]]:
    def nested(
        name: str, message: descriptor_pb2.DescriptorProto
    ) -> Iterator[tuple[str, descriptor_pb2.DescriptorProto]]:
        yield name, message
        for inner in message.nested_type:
            yield from nested(f"{name}.{inner.name}", inner)

    for message in file.message_type:
        yield from nested(message.name, message)


def _oneofs(descriptor: descriptor_pb2.DescriptorProto) -> list[tuple[str, ...]]:
    groups = (
        tuple(f.name for f in descriptor.field if f.HasField("oneof_index") and f.oneof_index == index)
        for index in range(len(descriptor.oneof_decl))
    )
    return [group for group in groups if len(group) > 1]


class _FieldBehaviour:
    """Reads `google.api.field_behavior`, an extension whose Python classes no package of the program brings."""

    def __init__(self, files: descriptor_pb2.FileDescriptorSet) -> None:
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.AddSerializedFile(file.SerializeToString())
        self._options = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
        self._extension = pool.FindExtensionByName("google.api.field_behavior")

    def is_required(self, proto: FieldProto) -> bool:
        options: Any = self._options.FromString(proto.options.SerializeToString())
        return _REQUIRED in options.Extensions[self._extension]


_AT_MOST_ONE = re.compile(r"(?:\(has\(self\.\w+\) \? 1 : 0\)(?: \+ )?)+ <= 1")


def _add_kind(read: Catalogue, kind: Kind) -> str:
    """Mark the message of a kind, add what its schema says to it and below, and return its name."""
    package = kind.group.partition(".")[0]
    ((name, root),) = (
        (n, m) for n, m in read.messages.items() if m.python_name == kind.name and m.module.partition(".")[0] == package
    )
    root.kind = kind
    for path, schema in objects_below(kind.schema):
        message = _message_at(read, root, path)
        if message is None:
            continue
        for property_name in schema["properties"]:
            camel = re.sub(r"_(.)", lambda match: match[1].upper(), property_name)
            if message.field_named(property_name) is None and (target := message.field_named(camel)):
                message.aliases[property_name] = target.name
        for proto in message.descriptor.field:
            if property_schema := schema["properties"].get(proto.json_name):
                required, unsigned = proto.name in message.required, _is_unsigned(read, proto)
                for suffix, limits in field_limits(property_schema, required=required, unsigned=unsigned):
                    message.limits.setdefault(f"{proto.name}{suffix}", []).append(limits)
        for rule in schema.get("x-kubernetes-validations", ()):
            if not _AT_MOST_ONE.fullmatch(rule["rule"]):
                continue
            targets = [message.field_named(name) for name in re.findall(r"self\.(\w+)", rule["rule"])]
            group = tuple(target.name for target in targets if target is not None)
            if len(group) > 1 and group not in message.oneofs:
                message.oneofs.append(group)
    return name


def _is_unsigned(read: Catalogue, proto: FieldProto) -> bool:
    if types := read.map_types(proto):
        proto = types[1]
    unsigned = (FieldProto.TYPE_UINT32, FieldProto.TYPE_UINT64)
    return proto.type in unsigned or proto.type_name == ".google.protobuf.UInt32Value"


def _message_at(read: Catalogue, message: Message, path: tuple[str, ...]) -> Message | None:
    for name in path:
        proto = message.field_named(name)
        if proto is None:
            return None
        types = read.map_types(proto)
        inner = read.messages.get((types[1] if types else proto).type_name)
        if inner is None:
            return None
        message = inner
    return message
