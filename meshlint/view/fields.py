"""Read nested fields of plain JSON; what is missing, or has another type, reads as empty."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

# Asked by these names, isinstance leaves Any what is Any. A `cast` would be called seven million times for the checks
# of 1,000 apps.
_MAPPING: Any = dict
_LIST: Any = list


def value(raw: Any, *keys: str | int) -> Any:
    """The value under nested keys; None where one is missing."""
    found = raw
    for key in keys:
        if isinstance(found, _MAPPING):
            found = found.get(key)
        elif isinstance(found, _LIST) and isinstance(key, int) and key < len(found):
            found = found[key]
        else:
            return None
    return found


def mapping(raw: Any, *keys: str | int) -> Json:
    found = value(raw, *keys)
    return found if isinstance(found, _MAPPING) else {}


def elements(raw: Any, *keys: str | int) -> list[Json]:
    """The mappings of a list; an element of another type reads as an empty mapping, so that positions hold."""
    found = value(raw, *keys)
    return [one if isinstance(one, _MAPPING) else {} for one in found] if isinstance(found, _LIST) else []


def strings(raw: Any, *keys: str | int) -> list[str]:
    found = value(raw, *keys)
    return [one if isinstance(one, str) else "" for one in found] if isinstance(found, _LIST) else []


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
