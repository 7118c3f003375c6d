"""Pulumi's wire form of property values, decoded to plain Python and encoded back.

The engine sends properties as `google.protobuf.Struct`. Secrets, unknown values, assets and resource references travel
in it as specially marked objects (https://github.com/pulumi/pulumi/blob/master/sdk/proto/pulumi/provider.proto).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, cast

from google.protobuf import struct_pb2

from lab.json_types import is_array, is_object

UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark of a secret, not one itself
ASSET_SIGNATURE = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_SIGNATURE = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE_SIGNATURE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

Value: TypeAlias = Any
Path: TypeAlias = "tuple[str | int, ...]"


class UnknownType(Enum):
    """A value that the engine does not know yet (in a preview); an enum, so that a copy is the same object."""

    UNKNOWN = "unknown"


UNKNOWN = UnknownType.UNKNOWN


@dataclass(frozen=True)
class Secret:
    """A value that must stay encrypted in state and hidden on screen."""

    value: Value

    def __repr__(self) -> str:
        return "Secret([secret])"


@dataclass(frozen=True)
class Asset:
    """A file's content, given as text, by path or by URI (exactly one is set)."""

    text: str | None = None
    path: str | None = None
    uri: str | None = None


@dataclass(frozen=True)
class ResourceReference:
    """A reference to a registered resource; `id` is None for a component and UNKNOWN in a preview."""

    urn: str
    id: str | UnknownType | None
    package_version: str = ""


def decode_struct(struct: struct_pb2.Struct) -> dict[str, Value]:
    """Decode a property map. Numbers without a fraction become `int`, since protobuf only knows doubles."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def _decode(value: struct_pb2.Value) -> Value:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value == UNKNOWN_TEXT else value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            decoded = decode_struct(value.struct_value)
            return _decode_special(decoded) if SIGNATURE_KEY in decoded else decoded
        case _:
            return None


def _decode_special(special: dict[str, Value]) -> Value:
    match special[SIGNATURE_KEY]:
        case "1b47061264138c4ac30d75fd1eb44270":
            return Secret(special.get("value"))
        case "d0e6a833031e9bbcd3f4e8bde6ca49a4":
            value = special.get("value", UNKNOWN)
            return Secret(value) if special.get("secret") is True else value
        case "c44067f5952c0a294b673a41bacd8c17":
            return Asset(text=special.get("text"), path=special.get("path"), uri=special.get("uri"))
        case "5cf8f73096256a8f31e491e813e4eb8e":
            return ResourceReference(special["urn"], special.get("id"), special.get("packageVersion", ""))
        case signature:
            kind = "archive" if signature == ARCHIVE_SIGNATURE else f"value with the signature {signature}"
            raise ValueError(f"An {kind} is not a value that this plugin can take.")


def encode_struct(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Encode a property map."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        _encode(value, struct.fields[key])
    return struct


def _encode(value: Value, target: struct_pb2.Value) -> None:
    match value:
        case None:
            target.null_value = struct_pb2.NULL_VALUE
        case bool():
            target.bool_value = value
        case int() | float():
            target.number_value = value
        case str():
            target.string_value = value
        case UnknownType():
            target.string_value = UNKNOWN_TEXT
        case Secret():
            target.struct_value.CopyFrom(encode_struct({SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value}))
        case ResourceReference():
            reference = {SIGNATURE_KEY: RESOURCE_SIGNATURE, "urn": value.urn}
            if value.id is not None:
                reference["id"] = "" if isinstance(value.id, UnknownType) else value.id
            if value.package_version:
                reference["packageVersion"] = value.package_version
            target.struct_value.CopyFrom(encode_struct(reference))
        case Mapping():
            target.struct_value.SetInParent()
            for key, item in cast("Mapping[str, Value]", value).items():
                _encode(item, target.struct_value.fields[key])
        case list() | tuple():
            target.list_value.SetInParent()
            for item in cast("Sequence[Value]", value):
                _encode(item, target.list_value.values.add())
        case _:
            raise TypeError(f"A value of type {type(value).__name__} has no wire form.")


def transform(value: Value, change: Callable[[Value], Value]) -> Value:
    """Rebuild `value` bottom up, replacing each part by `change(part)`; the inside of a secret is visited too."""
    if is_object(value):
        return change({key: transform(item, change) for key, item in value.items()})
    if is_array(value):
        return change([transform(item, change) for item in value])
    if isinstance(value, Secret):
        return change(Secret(transform(value.value, change)))
    return change(value)


def reveal(value: Value) -> Value:
    """The value with its secrets unwrapped, as an API takes it."""
    return transform(value, lambda part: part.value if isinstance(part, Secret) else part)


def without_nulls(value: Value) -> Value:
    """The value without mapping entries that are null: for Kubernetes a null field is an absent one."""

    def drop(part: Value) -> Value:
        return {key: item for key, item in part.items() if item is not None} if is_object(part) else part

    return transform(value, drop)


def leaves(value: Value, path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Every scalar, unknown or secret leaf with its path; a secret counts as the leaves inside it."""
    if is_object(value):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif is_array(value):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif isinstance(value, Secret):
        yield from leaves(value.value, path)
    else:
        yield path, value


def contains_unknown(value: Value) -> bool:
    return any(isinstance(leaf, UnknownType) for _, leaf in leaves(value))


def hide_like(value: Value, pattern: Value) -> Value:
    """`value` with each part made secret that is secret in `pattern` at the same path."""
    if isinstance(pattern, Secret):
        return value if isinstance(value, Secret) else Secret(value)
    if is_object(pattern) and is_object(value):
        return {key: hide_like(item, pattern[key]) if key in pattern else item for key, item in value.items()}
    if is_array(pattern) and is_array(value):
        if len(value) == len(pattern):
            return [hide_like(item, mark) for item, mark in zip(value, pattern, strict=True)]
        # An API server may extend or reorder a list: a secret item has no certain place then, so all is secret.
        return Secret(value) if _contains_secret(pattern) else value
    return value


def _contains_secret(value: Value) -> bool:
    if is_object(value):
        return any(_contains_secret(item) for item in value.values())
    if is_array(value):
        return any(_contains_secret(item) for item in value)
    return isinstance(value, Secret)


def secret_texts(value: Value) -> set[str]:
    """The texts inside secrets, long enough that finding one elsewhere is no coincidence."""
    found: set[str] = set()

    def collect(part: Value, secret: bool) -> None:
        if isinstance(part, Secret):
            collect(part.value, secret=True)
        elif is_object(part):
            for item in part.values():
                collect(item, secret)
        elif is_array(part):
            for item in part:
                collect(item, secret)
        elif isinstance(part, str) and secret and len(part) >= 4:
            found.add(part)

    collect(value, secret=False)
    return found


def without_texts(message: str, texts: set[str]) -> str:
    """The message with each of `texts` struck out."""
    for text in sorted(texts, key=len, reverse=True):
        message = message.replace(text, "[secret]")
    return message


def hide_texts(value: Value, texts: set[str]) -> Value:
    """`value` with every text that contains one of `texts` made secret."""
    if not texts:
        return value
    return transform(
        value, lambda part: Secret(part) if isinstance(part, str) and any(text in part for text in texts) else part
    )


_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def property_path(path: Path) -> str:
    """The path in Pulumi's notation: `spec.ports[0].port`, `metadata.labels["app.kubernetes.io/name"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text
