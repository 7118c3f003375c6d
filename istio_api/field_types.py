"""What a field of a message may hold, and how it is written in JSON and read from it.

Every type answers three questions: `admit` checks and normalises a value given in Python, `write` gives its JSON form,
and `read` takes the JSON form back. Mistakes are appended to `problems`, each a sentence that starts with the path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar, cast

K = TypeVar("K")
V = TypeVar("V", covariant=True)


class FrozenMap(Mapping[K, V]):
    """An immutable, hashable mapping; equal to any mapping with the same items."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        self._items: dict[K, V] = dict(items or {})

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


EMPTY_MAP: FrozenMap[Any, Any] = FrozenMap()
"""The default of every map field."""


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """Bounds of a protobuf integer, both included."""

    lowest: int
    highest: int


class FieldType(Protocol):
    """The type of one field, or of one element of a repeated field or map."""

    def admit(self, value: object, path: str, problems: list[str]) -> Any:
        """Return the value as the message keeps it."""

    def write(self, value: Any) -> Any:
        """Return the JSON form of an admitted value, as new plain dicts and lists."""

    def read(self, value: object, path: str, problems: list[str]) -> Any:
        """Return the value that a JSON form stands for."""


def shown(value: object) -> str:
    """The value as a mistake quotes it: short enough for one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def advice(given: str, known: Iterable[str], plural: str) -> str:
    """What to write instead of a name that is not known."""
    import difflib  # slow to import, and needed for mistakes only

    near = difflib.get_close_matches(given, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known {plural}: {', '.join(sorted(known)) or 'none'}"


@dataclass(frozen=True, slots=True)
class TextType:
    def admit(self, value: object, path: str, problems: list[str]) -> str:
        if not isinstance(value, str):
            problems.append(f"{path}: must be a string (given: {shown(value)})")
        return cast("str", value)

    read = admit

    def write(self, value: str) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class TruthType:
    def admit(self, value: object, path: str, problems: list[str]) -> bool:
        if not isinstance(value, bool):
            problems.append(f"{path}: must be true or false (given: {shown(value)})")
        return cast("bool", value)

    read = admit

    def write(self, value: bool) -> bool:
        return value


@dataclass(frozen=True, slots=True)
class IntegerType:
    bounds: IntegerRange

    def admit(self, value: object, path: str, problems: list[str]) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            problems.append(f"{path}: must be a whole number (given: {shown(value)})")
        elif not self.bounds.lowest <= value <= self.bounds.highest:
            problems.append(
                f"{path}: must be between {self.bounds.lowest} and {self.bounds.highest} (given: {shown(value)})"
            )
        return cast("int", value)

    read = admit

    def write(self, value: int) -> int:
        return int(value)


@dataclass(frozen=True, slots=True)
class IntOrStringType:
    """`IntOrString` of Kubernetes: a count, or a percentage such as "25%"."""

    def admit(self, value: object, path: str, problems: list[str]) -> int | str:
        if not isinstance(value, int | str) or isinstance(value, bool):
            problems.append(f'{path}: must be a whole number or a string such as "25%" (given: {shown(value)})')
        return cast("int | str", value)

    read = admit

    def write(self, value: int | str) -> int | str:
        return value


@dataclass(frozen=True, slots=True)
class NumberType:
    def admit(self, value: object, path: str, problems: list[str]) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            problems.append(f"{path}: must be a number (given: {shown(value)})")
        return cast("float", value)

    read = admit

    def write(self, value: float) -> float:
        # 5.0 and 5 are one number in JSON; the shorter form is what people write, and what the API server gives back.
        return int(value) if float(value).is_integer() else value


@dataclass(frozen=True, slots=True)
class EnumType:
    enum: type[StrEnum]

    def admit(self, value: object, path: str, problems: list[str]) -> StrEnum:
        if not isinstance(value, self.enum):
            problems.append(f"{path}: must be a {self.enum.__name__}: {self._names()} (given: {shown(value)})")
        return cast("StrEnum", value)

    def write(self, value: StrEnum) -> str:
        return value.value

    def read(self, value: object, path: str, problems: list[str]) -> StrEnum:
        if isinstance(value, str) and value in self.enum.__members__:
            return self.enum(value)
        problems.append(f"{path}: must be one of {self._names()} (given: {shown(value)})")
        return cast("StrEnum", value)

    def _names(self) -> str:
        return ", ".join(member.value for member in self.enum)


_GO_DURATION = re.compile(r"([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+|0)")
_GO_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_LONGEST = timedelta.max // timedelta(microseconds=1) * 1000


@dataclass(frozen=True, slots=True)
class DurationType:
    """`google.protobuf.Duration`: a timedelta; written in seconds ("600s", "0.25s"), read as Go does ("1h15m")."""

    def admit(self, value: object, path: str, problems: list[str]) -> timedelta:
        if not isinstance(value, timedelta):
            problems.append(f"{path}: must be a datetime.timedelta (given: {shown(value)})")
        return cast("timedelta", value)

    def write(self, value: timedelta) -> str:
        microseconds = value // timedelta(microseconds=1)
        sign = "-" if microseconds < 0 else ""
        seconds, fraction = divmod(abs(microseconds), 10**6)
        return f"{sign}{seconds}" + (f".{fraction:06}".rstrip("0") if fraction else "") + "s"

    def read(self, value: object, path: str, problems: list[str]) -> timedelta:
        match = _GO_DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            problems.append(f'{path}: must be a duration such as "10s" or "1h30m" (given: {shown(value)})')
            return cast("timedelta", value)
        nanoseconds, finer = 0, 0
        for number, unit in _GO_DURATION_PART.findall(match[2]):
            whole, _, fraction = number.partition(".")
            part, rest = divmod(int(whole + fraction) * _NANOSECONDS[unit], 10 ** len(fraction))
            nanoseconds, finer = nanoseconds + part, finer + rest
        if finer or nanoseconds % 1000:
            problems.append(f"{path}: durations are kept to the microsecond (given: {shown(value)})")
        elif nanoseconds > _LONGEST:
            problems.append(f"{path}: the duration is longer than any timedelta (given: {shown(value)})")
        else:
            return timedelta(microseconds=nanoseconds // 1000) * (-1 if match[1] == "-" else 1)
        return cast("timedelta", value)


@dataclass(frozen=True, slots=True)
class JsonType:
    """`google.protobuf.Struct` and `google.protobuf.Value`: free-form JSON, kept as an immutable copy."""

    object_only: bool = False

    def admit(self, value: object, path: str, problems: list[str]) -> Any:
        if self.object_only and not isinstance(value, Mapping):
            problems.append(f"{path}: must be a mapping (given: {shown(value)})")
        return self._frozen(cast("object", value), path, problems)

    read = admit

    def write(self, value: Any) -> Any:
        if isinstance(value, str):  # most are, and asking whether they are a Mapping takes much longer
            return value
        if isinstance(value, Mapping):
            mapping = cast("Mapping[str, Any]", value)
            return {key: self.write(item) for key, item in mapping.items()}
        if isinstance(value, tuple):
            return [self.write(item) for item in cast("tuple[Any, ...]", value)]
        return value

    def _frozen(self, value: object, path: str, problems: list[str]) -> Any:
        if isinstance(value, Mapping):
            mapping = cast("Mapping[object, object]", value)
            problems += [
                f"{path}: keys must be strings (given: {shown(key)})" for key in mapping if not isinstance(key, str)
            ]
            return FrozenMap({key: self._frozen(item, f"{path}.{key}", problems) for key, item in mapping.items()})
        if isinstance(value, list | tuple):
            items = cast("Sequence[object]", value)
            return tuple(self._frozen(item, f"{path}[{index}]", problems) for index, item in enumerate(items))
        if isinstance(value, StrEnum):
            return value.value
        if value is not None and not isinstance(value, str | bool | int | float):
            problems.append(f"{path}: must be plain JSON data (given: {shown(value)})")
        return value


@dataclass(frozen=True, slots=True)
class ListType:
    item: FieldType

    def admit(self, value: object, path: str, problems: list[str]) -> tuple[Any, ...]:
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            problems.append(f"{path}: must be a list (given: {shown(value)})")
            return cast("tuple[Any, ...]", value)
        items = cast("Sequence[object]", value)
        return tuple([self.item.admit(item, f"{path}[{index}]", problems) for index, item in enumerate(items)])

    def write(self, value: tuple[Any, ...]) -> list[Any]:
        return [self.item.write(item) for item in value]

    def read(self, value: object, path: str, problems: list[str]) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            problems.append(f"{path}: must be a list (given: {shown(value)})")
            return cast("tuple[Any, ...]", value)
        items = cast("Sequence[object]", value)
        return tuple(self.item.read(item, f"{path}[{index}]", problems) for index, item in enumerate(items))


@dataclass(frozen=True, slots=True)
class MapType:
    key: TextType | IntegerType
    item: FieldType

    def admit(self, value: object, path: str, problems: list[str]) -> FrozenMap[Hashable, Any]:
        if not isinstance(value, Mapping):
            problems.append(f"{path}: must be a mapping (given: {shown(value)})")
            return cast("FrozenMap[Hashable, Any]", value)
        items = cast("Mapping[Hashable, object]", value)
        return FrozenMap(
            {
                self.key.admit(key, f"key {key!r} of {path}", problems): self.item.admit(
                    item, f"{path}.{key}", problems
                )
                for key, item in items.items()
            }
        )

    def write(self, value: Mapping[Hashable, Any]) -> dict[str, Any]:
        return {str(key): self.item.write(item) for key, item in value.items()}

    def read(self, value: object, path: str, problems: list[str]) -> FrozenMap[Hashable, Any]:
        if not isinstance(value, Mapping):
            problems.append(f"{path}: must be a mapping (given: {shown(value)})")
            return cast("FrozenMap[Hashable, Any]", value)
        items = cast("Mapping[object, object]", value)
        return FrozenMap(
            {
                self._read_key(key, f"key {key!r} of {path}", problems): self.item.read(item, f"{path}.{key}", problems)
                for key, item in items.items()
            }
        )

    def _read_key(self, key: object, path: str, problems: list[str]) -> Hashable:
        if isinstance(self.key, IntegerType) and isinstance(key, str) and re.fullmatch(r"-?\d+", key):
            key = int(key)  # JSON has only text keys
        return self.key.read(key, path, problems)
