"""What differs between two runs of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.golden.differences import differences

if TYPE_CHECKING:
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
        paths = {found.path for found in differences(known.inputs, resource.inputs)} if known else {"(new)"}
        if paths:
            found[resource.name] = paths
    return {**found, **{gone.name: {"(gone)"} for gone in earlier.values()}}
