"""Reduce a manifest to what the API server would keep, and say what it would not.

Rules read the reduced form, so a field that is present has the right type: that is what spares every rule from
defending itself against malformed input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from meshlint.schemas import REQUIRED

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.schemas import Schema

OPEN = "*"
"""Marks an object schema that allows other fields than the listed ones."""

_EMPTY: dict[str, Any] = {"s": "", "b": False, "i": 0, "n": 0, "is": 0, "x": None}
_TYPE_NAMES = {
    "s": "a string",
    "b": "true or false",
    "i": "an integer",
    "n": "a number",
    "is": "an integer or a string",
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """A part of a manifest that the schema does not allow."""

    kind: Literal["unknown", "type", "enum", "missing"]
    path: Path
    value: object
    allowed: tuple[str, ...]


def conform(value: Any, schema: Schema, path: Path, misfits: list[Misfit]) -> Any:
    """`value` without what `schema` does not allow; the same object if there is nothing to take away.

    A wrong element of a list becomes an empty one, so that positions stay those of the document.
    """
    if isinstance(schema, str):
        return _scalar(value, schema, path, misfits)
    if isinstance(schema, dict):
        return _object(value, cast("dict[str, Schema]", schema), path, misfits)
    kind = schema[0]
    if kind == "e":
        return _enum(value, schema, path, misfits)
    if kind == "l":
        return _list(value, schema[1], path, misfits)
    return _map(value, schema[1], path, misfits)


def _wrong(value: object, expected: str, path: Path, misfits: list[Misfit]) -> None:
    misfits.append(Misfit("type", path, value, (expected,)))


def _scalar(value: Any, schema: str, path: Path, misfits: list[Misfit]) -> Any:
    if schema == "x":
        return value
    kind = cast("type[object]", type(value))
    fits = (
        (kind is str and schema in ("s", "is"))
        or (kind is int and schema in ("i", "n", "is"))
        or (kind is float and (schema == "n" or (schema in ("i", "is") and value.is_integer())))
        or (kind is bool and schema == "b")
    )
    if fits:
        return value
    _wrong(value, _TYPE_NAMES[schema], path, misfits)
    return None


def _enum(value: Any, schema: Schema, path: Path, misfits: list[Misfit]) -> Any:
    # Statuses of redirects are an enum of numbers.
    if (type(value) is str or type(value) is int) and value in schema[1:]:
        return value
    misfits.append(Misfit("enum", path, value, tuple(map(str, schema[1:]))))
    return None


def _object(value: Any, schema: dict[str, Schema], path: Path, misfits: list[Misfit]) -> Any:
    if not isinstance(value, dict):
        _wrong(value, "a mapping", path, misfits)
        return None
    fields = cast("dict[str, Any]", value)
    kept: dict[str, Any] | None = None
    for name, inner in fields.items():
        expected = schema.get(name)
        if expected is None or name in (REQUIRED, OPEN):
            if OPEN in schema:
                continue
            misfits.append(Misfit("unknown", (*path, str(name)), inner, tuple(key for key in schema if key)))
            result = None
        elif inner is None:
            result = None
        elif expected == "s" and type(inner) is str:
            continue
        else:
            result = conform(inner, expected, (*path, name), misfits)
        if result is not inner or result is None:
            if kept is None:
                kept = dict(fields)
            if result is None:
                del kept[name]
            else:
                kept[name] = result
    if REQUIRED in schema:
        misfits.extend(
            Misfit("missing", (*path, name), None, ()) for name in schema[REQUIRED] if fields.get(name) is None
        )
    return fields if kept is None else kept


def _list(value: Any, schema: Schema, path: Path, misfits: list[Misfit]) -> Any:
    if not isinstance(value, list):
        _wrong(value, "a list", path, misfits)
        return None
    elements = cast("list[Any]", value)
    kept: list[Any] | None = None
    for position, inner in enumerate(elements):
        if schema == "s" and type(inner) is str:
            continue
        result = conform(inner, schema, (*path, position), misfits)
        if result is not inner or result is None:
            if kept is None:
                kept = list(elements)
            kept[position] = _empty(schema) if result is None else result
    return elements if kept is None else kept


def _empty(schema: Schema) -> Any:
    if isinstance(schema, str):
        return _EMPTY[schema]
    if isinstance(schema, dict):
        return {}
    empties: dict[str, Any] = {"e": "", "l": [], "m": {}}
    return empties[schema[0]]


def _map(value: Any, schema: Schema, path: Path, misfits: list[Misfit]) -> Any:
    if not isinstance(value, dict):
        _wrong(value, "a mapping", path, misfits)
        return None
    entries = cast("dict[Any, Any]", value)
    kept: dict[Any, Any] | None = None
    for name, inner in entries.items():
        if schema == "s" and type(inner) is str and type(name) is str:
            continue
        result = conform(inner, schema, (*path, str(name)), misfits)
        if result is not inner or result is None or type(name) is not str:
            if kept is None:
                kept = {str(key): element for key, element in entries.items()}
            if result is None:
                kept.pop(str(name), None)
            else:
                kept[str(name)] = result
    return entries if kept is None else kept
