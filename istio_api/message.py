"""Istio's messages as plain, checked, immutable data.

A message is a frozen, keyword-only dataclass whose fields are those of the protobuf message, in its own snake_case
names (a trailing underscore where Python claims the name). What a field takes follows from its annotation alone:

- `T | None`, default None: an unset field is not written; a set one always is, also False, 0, "" and an empty message.
- `Sequence[T]`, default (): takes any sequence, keeps a tuple, is left out of the JSON form when empty. Where an empty
  list means something else than none, the annotation is `Sequence[T] | None` and the first rule holds.
- `Mapping[K, V]`, default `EMPTY_MAP`: likewise, keeps an immutable copy.
- no default: the field is required and must not be empty.

Messages compare by value, are hashable, and show only what is set. Mistakes raise `InvalidMessage`, a ValueError that
lists all of them with their paths.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self, TypeVar, cast, dataclass_transform

from chatgpt_mesh.istio_api import field_types
from chatgpt_mesh.istio_api.field_types import EMPTY_MAP, FieldType, IntegerRange, advice, shown
from chatgpt_mesh.istio_api.limits import Limits, broken_limits

__all__ = [
    "EMPTY_MAP",
    "ChartValues",
    "Int32",
    "Int64",
    "IntOrString",
    "InvalidMessage",
    "Limits",
    "Message",
    "ResourceSpec",
    "UInt32",
    "UInt64",
    "message",
]

M = TypeVar("M", bound="Message")

_set = object.__setattr__

Int32 = Annotated[int, IntegerRange(-(2**31), 2**31 - 1)]
UInt32 = Annotated[int, IntegerRange(0, 2**32 - 1)]
Int64 = Annotated[int, IntegerRange(-(2**63), 2**63 - 1)]
IntOrString = int | str
UInt64 = Annotated[int, IntegerRange(0, 2**64 - 1)]


class InvalidMessage(ValueError):
    """Every mistake of one message, as sentences that start with the path."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Message:
    """Base of all messages; every subclass is decorated with `message`."""

    __slots__ = ()

    ONEOFS: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of fields of which at most one may be set."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = EMPTY_MAP
    """JSON names that do not follow from the field's name."""

    ALIASES: ClassVar[Mapping[str, str]] = EMPTY_MAP
    """Second JSON names that the CRD serves: alias to field."""

    LIMITS: ClassVar[Mapping[str, Limits]] = EMPTY_MAP
    """Limits of single fields; `NAME[]` stands for each entry of a list or map."""

    def __init__(self, **given: Any) -> None:
        message = type(self)
        problems: list[str] = []
        admitted: dict[str, Any] = {}
        paths = _own_paths(message)
        for field in fields_of(message):
            name = field.name
            value = given.pop(name, field.default)
            if value is not field.default:
                admitted[name] = value = field.type.admit(value, paths[name], problems)
            _set(self, name, value)
        if given:
            problems += [_unknown(f"{message.__name__}.{name}", name, message, paths) for name in given]
        problems += _problems_of(message, admitted, message.__name__, _own_names(message), paths)
        if problems:
            raise InvalidMessage(problems)

    def __setattr__(self, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to {name!r}: messages are immutable")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete {name!r}: messages are immutable")

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        names = (field.name for field in fields_of(type(self)))
        return functools.partial(type(self), **dict(zip(names, self._values(), strict=True))), ()

    def _values(self) -> tuple[Any, ...]:
        return _reading(type(self))(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, exactly as Istio takes it, as new dicts and lists."""
        written: dict[str, Any] = {}
        for field, value in zip(fields_of(type(self)), self._values(), strict=True):
            # Most fields of a message are not given, and this is asked of every object of a stack.
            if value is None or (field.omitted_when_empty and not value):
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


@dataclass_transform(kw_only_default=True, frozen_default=True)
def message(cls: type[M]) -> type[M]:
    """Make a subclass of `Message` a frozen, keyword-only dataclass with slots."""
    # The methods that `dataclass` would compile for each class are written once, in `Message`: compiling them is what
    # makes the import of hundreds of dataclasses slow (0.7 ms each, against 0.1 ms).
    return dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=True)(cls)


class ResourceSpec(Message):
    """A message that is the `spec` of a Kubernetes object. Its name is the object's kind."""

    __slots__ = ()

    API_VERSION: ClassVar[str]
    """The version that is written: v1 where Istio serves it, otherwise the stored one."""


class ChartValues(Message):
    """A message that holds all values of one of Istio's Helm charts."""

    __slots__ = ()

    CHART: ClassVar[str]
    """The chart's name in Istio's repository of charts."""

    DIRECTORY: ClassVar[str]
    """The chart's directory below `manifests/charts` of Istio's source."""


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
                found.append(_unknown(where, str(key), self.message, by_key))
            elif field.name in keys:
                found.append(f"{where}: the same field as {keys[field.name]!r}; write only one of them")
            else:
                keys[field.name] = str(key)
                if item is not None:
                    values[field.name] = field.type.read(item, where, found)
        names = {field.name: field.json_name for field in fields_of(self.message)}
        paths = {name: f"{path}.{shown_name}" if path else shown_name for name, shown_name in names.items()}
        found += _problems_of(self.message, values, path, names, paths)
        problems += found
        return None if found else self.message(**values)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of a message, as its annotation and default tell it."""

    name: str
    json_name: str
    type: FieldType
    default: Any
    omitted_when_empty: bool

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING


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
            default=field.default,
            omitted_when_empty=field.default in ((), EMPTY_MAP),
        )
        for field in dataclasses.fields(cast("Any", message))
    )


@functools.cache
def _reading(message: type[Message]) -> Callable[[Message], tuple[Any, ...]]:
    """All values at once, which takes a third of the time that reading them one by one does."""
    names = [field.name for field in fields_of(message)]
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


@functools.cache
def _required(message: type[Message]) -> tuple[str, ...]:
    return tuple(field.name for field in fields_of(message) if field.required)


@functools.cache
def _own_names(message: type[Message]) -> Mapping[str, str]:
    return {field.name: field.name for field in fields_of(message)}


@functools.cache
def _own_paths(message: type[Message]) -> Mapping[str, str]:
    """Where a constructor's mistakes are: constant per message, since most messages have none."""
    return {field.name: f"{message.__name__}.{field.name}" for field in fields_of(message)}


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
        if set(arguments) - {types.NoneType} == {int, str}:
            return field_types.IntOrStringType()
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


def _problems_of(
    message: type[Message], values: Mapping[str, Any], path: str, names: Mapping[str, str], paths: Mapping[str, str]
) -> list[str]:
    """What is wrong with well-typed values: missing, more than one of a group, or beyond a limit."""
    where = path or message.__name__
    problems = [
        f"{where}: {names[name]} is required and must not be empty"
        for name in _required(message)
        if values.get(name, "") in ("", (), EMPTY_MAP)
    ]
    for group in message.ONEOFS:
        given = [names[name] for name in group if name in values and values[name] not in ((), EMPTY_MAP)]
        if len(given) > 1:
            allowed = ", ".join(names[name] for name in group)
            problems.append(f"{where}: at most one of {allowed} may be set (given: {', '.join(given)})")
    if message.LIMITS:
        problems += broken_limits(message.LIMITS, values, paths)
    return problems


def _unknown(path: str, key: str, message: type[Message], known: Iterable[str]) -> str:
    return f"{path}: unknown field of {message.__name__}; {advice(key, known, 'fields')}"
