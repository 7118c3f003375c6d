"""What differs between two runs of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.program.recorded_program import Recorded

_OBJECTS = ("kubernetes:", "gcp:")


def changed(before: Recorded, after: Recorded) -> dict[str, set[str]]:
    """Paths of the inputs that differ, by object of cluster and cloud; `(new)` and `(gone)` for whole ones."""
    earlier = {resource.urn: resource for resource in before.resources if resource.type.startswith(_OBJECTS)}
    found: dict[str, set[str]] = {}
    for resource in after.resources:
        if not resource.type.startswith(_OBJECTS):
            continue
        known = earlier.pop(resource.urn, None)
        paths = set(_differences(known.inputs, resource.inputs, "")) if known else {"(new)"}
        if paths:
            found[resource.name] = paths
    return {**found, **{gone.name: {"(gone)"} for gone in earlier.values()}}


def _differences(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _differences(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(*pair, f"{path}[{index}]")
    elif one != other:
        yield path
