"""Istio's messages as plain, checked, immutable data.

A message is a frozen dataclass whose fields are those of the protobuf message, in its own snake_case names (a trailing
underscore where Python claims the name). What a field takes follows from its annotation alone:

- `T | None`, default None: an unset field is not written; a set one always is, also False, 0, "" and an empty message.
- `Sequence[T]`, default (): takes any sequence, keeps a tuple, is left out of the JSON form when empty.
- `Mapping[K, V]`, default `EMPTY_MAP`: likewise, keeps an immutable copy.
- no default: the field is required and must not be empty.

Mistakes raise `InvalidMessage`, a ValueError that lists all of them with their paths.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self, cast

from istio_api import field_types
from istio_api.field_types import EMPTY_MAP, FieldType, IntegerRange, shown

__all__ = ["EMPTY_MAP", "Int32", "Int64", "InvalidMessage", "Message", "ResourceSpec", "UInt32", "UInt64"]

Int32 = Annotated[int, IntegerRange(-(2**31), 2**31 - 1)]
UInt32 = Annotated[int, IntegerRange(0, 2**32 - 1)]
Int64 = Annotated[int, IntegerRange(-(2**63), 2**63 - 1)]
UInt64 = Annotated[int, IntegerRange(0, 2**64 - 1)]


class InvalidMessage(ValueError):
    """Every mistake of one message, as sentences that start with the path."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Message:
    """Base of all messages. Subclasses are frozen, keyword-only dataclasses with slots."""

    __slots__ = ()

    ONEOFS: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of fields of which at most one may be set."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = EMPTY_MAP
    """JSON names that do not follow from the field's name."""

    ALIASES: ClassVar[Mapping[str, str]] = EMPTY_MAP
    """Second JSON names that the CRD serves: alias to field."""

    def __post_init__(self) -> None:
        problems: list[str] = []
        values: dict[str, Any] = {}
        for field in fields_of(type(self)):
            given = getattr(self, field.name)
            if given is None and field.optional:
                continue
            values[field.name] = value = field.type.admit(given, f"{type(self).__name__}.{field.name}", problems)
            if value is not given:
                object.__setattr__(self, field.name, value)
        problems += _group_problems(
            type(self), values, type(self).__name__, {f.name: f.name for f in fields_of(type(self))}
        )
        if problems:
            raise InvalidMessage(problems)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, exactly as Istio takes it, as new dicts and lists."""
        written: dict[str, Any] = {}
        for field in fields_of(type(self)):
            value = getattr(self, field.name)
            if value is None or (field.collection and not value):
                continue
            written[field.json_name] = field.type.write(value)
        return written

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], path: str = "") -> Self:
        """Read the JSON form. `path` is where it stands, for the sentences of `InvalidMessage`."""
        problems: list[str] = []
        message = MessageType(cls).read(data, path, problems)
        if problems:
            raise InvalidMessage(problems)
        return cast("Self", message)

    def __repr__(self) -> str:
        given = ((field.name, getattr(self, field.name)) for field in fields_of(type(self)))
        arguments = (f"{name}={value!r}" for name, value in given if value is not None and value not in ((), EMPTY_MAP))
        return f"{type(self).__name__}({', '.join(arguments)})"


class ResourceSpec(Message):
    """A message that is the `spec` of a Kubernetes object. Its name is the object's kind."""

    __slots__ = ()

    API_VERSION: ClassVar[str]
    """The version that is written: v1 where Istio serves it, otherwise the stored one."""


@dataclasses.dataclass(frozen=True, slots=True)
class MessageType:
    message: type[Message]

    def admit(self, value: object, path: str, problems: list[str]) -> Message:
        if not isinstance(value, self.message):
            problems.append(f"{path}: must be a {self.message.__name__} (given: {shown(value)})")
        return cast("Message", value)

    def write(self, value: Message) -> dict[str, Any]:
        return value.to_dict()

    def read(self, value: object, path: str, problems: list[str]) -> Message | None:
        if not isinstance(value, Mapping):
            problems.append(f"{path or self.message.__name__}: must be a mapping (given: {shown(value)})")
            return None
        data = cast("Mapping[str, object]", value)
        found: list[str] = []
        by_key = _fields_by_key(self.message)
        values: dict[str, Any] = {}
        keys: dict[str, str] = {}
        for key, item in data.items():
            field = by_key.get(key)
            where = f"{path}.{key}" if path else str(key)
            if field is None:
                found.append(_unknown(where, str(key), self.message))
            elif field.name in keys:
                found.append(f"{where}: the same field as {keys[field.name]!r}; write only one of them")
            else:
                keys[field.name] = str(key)
                if item is not None:
                    values[field.name] = field.type.read(item, where, found)
        found += _group_problems(
            self.message,
            values,
            path or self.message.__name__,
            {n: f.json_name for n, f in _fields_by_name(self.message).items()},
        )
        problems += found
        return None if found else self.message(**values)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of a message, as its annotation and default tell it."""

    name: str
    json_name: str
    type: FieldType
    optional: bool
    required: bool

    @property
    def collection(self) -> bool:
        return isinstance(self.type, field_types.ListType | field_types.MapType)


@functools.cache
def fields_of(message: type[Message]) -> tuple[Field, ...]:
    """The fields of a message in the order of its definition."""
    # Computed at first use, not at import: most programs construct a fraction of the messages they import.
    hints = typing.get_type_hints(message, include_extras=True)
    return tuple(
        Field(
            name=field.name,
            json_name=message.JSON_NAMES.get(field.name) or _camel_case(field.name),
            type=_field_type(hints[field.name]),
            optional=field.default is None,
            required=field.default is dataclasses.MISSING,
        )
        for field in dataclasses.fields(cast("Any", message))
    )


@functools.cache
def _fields_by_name(message: type[Message]) -> dict[str, Field]:
    return {field.name: field for field in fields_of(message)}


@functools.cache
def _fields_by_key(message: type[Message]) -> dict[str, Field]:
    by_name = _fields_by_name(message)
    by_alias = {alias: by_name[name] for alias, name in message.ALIASES.items()}
    return {field.json_name: field for field in by_name.values()} | by_alias


def _camel_case(name: str) -> str:
    return re.sub(r"_(.)", lambda match: match[1].upper(), name.rstrip("_"))


_SCALARS: Mapping[Any, FieldType] = {
    str: field_types.TextType(),
    bool: field_types.TruthType(),
    float: field_types.NumberType(),
    timedelta: field_types.DurationType(),
    Any: field_types.JsonType(),
}


def _field_type(hint: Any) -> FieldType:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        (alternative,) = (argument for argument in arguments if argument is not types.NoneType)
        if typing.get_origin(alternative) is Mapping:  # an optional mapping is a Struct; a map is never None
            return field_types.JsonType(object_only=True)
        return _field_type(alternative)
    if origin is Annotated:
        return field_types.IntegerType(arguments[1])
    if origin is Sequence:
        return field_types.ListType(_field_type(arguments[0]))
    if origin is Mapping:
        key = cast("field_types.TextType | field_types.IntegerType", _field_type(arguments[0]))
        return field_types.MapType(key, _field_type(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, Message):
        return MessageType(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return field_types.EnumType(hint)
    return _SCALARS[hint]


def _group_problems(
    message: type[Message], values: Mapping[str, Any], path: str, names: Mapping[str, str]
) -> list[str]:
    problems = [
        f"{path}: {names[field.name]} is required and must not be empty"
        for field in fields_of(message)
        if field.required and values.get(field.name, "") in ("", (), EMPTY_MAP)
    ]
    for group in message.ONEOFS:
        given = [names[name] for name in group if name in values]
        if len(given) > 1:
            allowed = ", ".join(names[name] for name in group)
            problems.append(f"{path}: at most one of {allowed} may be set (given: {', '.join(given)})")
    return problems


def _unknown(path: str, key: str, message: type[Message]) -> str:
    known = sorted(_fields_by_key(message))
    near = difflib.get_close_matches(key, known, n=1)
    advice = f"did you mean {near[0]}?" if near else f"known fields: {', '.join(known) or 'none'}"
    return f"{path}: unknown field of {message.__name__}; {advice}"
