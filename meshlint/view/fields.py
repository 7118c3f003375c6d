"""Read nested fields of plain JSON; what is missing, or has another type, reads as empty."""

from __future__ import annotations

from typing import Any, cast

Json = dict[str, Any]


def value(raw: Any, *keys: str | int) -> Any:
    """The value under nested keys; None where one is missing."""
    for key in keys:
        if isinstance(raw, dict):
            raw = cast("dict[Any, Any]", raw).get(key)
        elif isinstance(raw, list) and isinstance(key, int) and key < len(cast("list[Any]", raw)):
            raw = cast("list[Any]", raw)[key]
        else:
            return None
    return raw


def mapping(raw: Any, *keys: str | int) -> Json:
    found = value(raw, *keys)
    return cast("Json", found) if isinstance(found, dict) else {}


def elements(raw: Any, *keys: str | int) -> list[Json]:
    """The mappings of a list; an element of another type reads as an empty mapping, so that positions hold."""
    found = value(raw, *keys)
    if not isinstance(found, list):
        return []
    listed = cast("list[Any]", found)
    return [cast("Json", element) if isinstance(element, dict) else {} for element in listed]


def strings(raw: Any, *keys: str | int) -> list[str]:
    found = value(raw, *keys)
    if not isinstance(found, list):
        return []
    return [element if isinstance(element, str) else "" for element in cast("list[Any]", found)]


def string_map(raw: Any, *keys: str | int) -> dict[str, str]:
    return {str(name): str(inner) for name, inner in mapping(raw, *keys).items()}


def text(raw: Any, *keys: str | int) -> str:
    found = value(raw, *keys)
    return found if isinstance(found, str) else ""


def number(raw: Any, *keys: str | int) -> float | None:
    found = value(raw, *keys)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def whole(raw: Any, *keys: str | int) -> int | None:
    found = number(raw, *keys)
    return int(found) if found is not None and found == found and abs(found) < 2**63 else None
