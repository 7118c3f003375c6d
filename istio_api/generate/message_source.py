"""From Istio's protobuf messages to Python classes."""

from __future__ import annotations

from google.protobuf import descriptor_pb2

from chatgpt_mesh.istio_api.generate.messages import Catalogue, Enum, Message, python_field_name
from chatgpt_mesh.istio_api.generate.python_source import Definition, EnumSource, FieldSource, MessageSource
from chatgpt_mesh.istio_api.generate.schema_walk import Limits

FieldProto = descriptor_pb2.FieldDescriptorProto

SCALARS = {
    FieldProto.TYPE_STRING: ("str", "string"),
    FieldProto.TYPE_BYTES: ("str", "bytes in base64"),
    FieldProto.TYPE_BOOL: ("bool", "bool"),
    FieldProto.TYPE_DOUBLE: ("float", "double"),
    FieldProto.TYPE_FLOAT: ("float", "float"),
    FieldProto.TYPE_INT32: ("Int32", "int32"),
    FieldProto.TYPE_INT64: ("Int64", "int64"),
    FieldProto.TYPE_UINT32: ("UInt32", "uint32"),
    FieldProto.TYPE_UINT64: ("UInt64", "uint64"),
}
"""Python annotation and the words for it."""

WELL_KNOWN = {
    ".google.protobuf.BoolValue": ("bool", "bool"),
    ".google.protobuf.StringValue": ("str", "string"),
    ".google.protobuf.DoubleValue": ("float", "double"),
    ".google.protobuf.Int32Value": ("Int32", "int32"),
    ".google.protobuf.Int64Value": ("Int64", "int64"),
    ".google.protobuf.UInt32Value": ("UInt32", "uint32"),
    ".google.protobuf.Duration": ("timedelta", 'duration, written as "10s"'),
    ".google.protobuf.Struct": ("Mapping[str, Any]", "free-form JSON object"),
    ".google.protobuf.Value": ("Any", "free-form JSON"),
}


def definition(read: Catalogue, found: Message | Enum) -> Definition:
    """The class for a message or an enum."""
    if isinstance(found, Enum):
        return EnumSource(found.python_name, found.page, found.values)
    constants: list[str] = []
    if found.kind:
        constants.append(f'API_VERSION: ClassVar[str] = "{found.kind.api_version}"')
    if found.aliases:
        aliases = {alias: python_field_name(name) for alias, name in found.aliases.items()}
        constants.append(f"ALIASES: ClassVar[Mapping[str, str]] = {aliases!r}")
    if limits := found.agreed_limits():
        entries = ", ".join(f"{python_target(target)!r}: {_limits(limit)}" for target, limit in limits.items())
        constants.append(f"LIMITS: ClassVar[Mapping[str, Limits]] = {{{entries}}}")
    return MessageSource(
        name=found.python_name,
        page=found.page,
        base="ResourceSpec" if found.kind else "Message",
        constants=tuple(constants),
        oneofs=tuple(tuple(python_field_name(name) for name in group) for group in found.oneofs),
        fields=tuple(_field(read, found, proto) for proto in found.descriptor.field),
    )


def python_target(target: str) -> str:
    """A key of LIMITS for a protobuf field, or for its entries."""
    name = target.removesuffix("[]")
    return f"{python_field_name(name)}{target[len(name) :]}"


def _limits(limits: Limits) -> str:
    return f"Limits({', '.join(f'{name}={value!r}' for name, value in limits.items())})"


def limit_words(limits: Limits, length: str) -> str:
    """The limits as a docstring tells them: `1 to 65535`, `at most 253 characters`."""
    words: list[str] = []
    for lowest, highest, unit in (("minimum", "maximum", ""), ("min_length", "max_length", f" {length}")):
        low, high = limits.get(lowest), limits.get(highest)
        if lowest == "min_length" and low == 1:
            words.append("not empty")
            low = None
        if low is not None and high is not None:
            words.append(f"{low} to {high}{unit}")
        elif high is not None:
            words.append(f"at most {high}{unit}")
        elif low is not None:
            words.append(f"at least {low}{unit}")
    if "pattern" in limits:
        words.append(f"matches {limits['pattern']}")
    return ", ".join(words)


def foreign_names(read: Catalogue, module: str, found: list[Message | Enum]) -> dict[str, str]:
    """The names that a module takes from other modules, with their module."""
    names: dict[str, str] = {}
    for proto in (proto for one in found if isinstance(one, Message) for proto in one.descriptor.field):
        types = read.map_types(proto)
        name = (types[1] if types else proto).type_name
        target = read.messages.get(name) or read.enums.get(name)
        if target and target.module != module:
            names[target.python_name] = target.module
    return names


def _field(read: Catalogue, message: Message, proto: FieldProto) -> FieldSource:
    required = proto.name in message.required
    types = read.map_types(proto)
    if types:
        (key, _), (value, words) = _single_type(read, types[0]), _single_type(read, types[1])
        annotation, words, default = f"Mapping[{key}, {value}]", f"map of {words}", "EMPTY_MAP"
    else:
        annotation, words = _single_type(read, proto)
        default = "None"
        if proto.label == FieldProto.LABEL_REPEATED:
            annotation, words, default = f"Sequence[{annotation}]", f"list of {words}", "()"
    limits = message.agreed_limits()
    notes = "; required" if required else ""
    length = "characters" if default in ("", "None") and annotation == "str" else "entries"
    notes += f"; {limit_words(limits[proto.name], length)}" if proto.name in limits else ""
    notes += f"; each {limit_words(limits[f'{proto.name}[]'], 'characters')}" if f"{proto.name}[]" in limits else ""
    notes += "; deprecated" if proto.options.deprecated else ""
    return FieldSource(
        name=python_field_name(proto.name),
        json_name=proto.json_name,
        annotation=annotation,
        default="" if required else default,
        description=words + notes,
    )


def _single_type(read: Catalogue, proto: FieldProto) -> tuple[str, str]:
    if message := read.messages.get(proto.type_name):
        return message.python_name, message.python_name
    if enum := read.enums.get(proto.type_name):
        return enum.python_name, f"{enum.python_name}: {', '.join(enum.values)}"
    return WELL_KNOWN[proto.type_name] if proto.type_name else SCALARS[proto.type]
