"""What JSON and YAML decode to, and the guards that tell it apart, since a decoder answers `Any`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

JsonObject: TypeAlias = dict[str, Any]
JsonArray: TypeAlias = list[Any]


def is_object(value: object) -> TypeGuard[JsonObject]:
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[JsonArray]:
    return isinstance(value, list)


def object_at(parent: Mapping[str, Any], *keys: str) -> JsonObject:
    """The object under nested keys; an empty one where a key is missing or holds none."""
    found: Any = parent
    for key in keys:
        found = found.get(key) if is_object(found) else None
    return found if is_object(found) else {}


def objects_at(parent: Mapping[str, Any], *keys: str) -> list[JsonObject]:
    """The objects of the array under nested keys; none where there is no such array."""
    *outer, last = keys
    found = object_at(parent, *outer).get(last)
    return cast("list[JsonObject]", found) if is_array(found) else []
