"""Whose fields are the resource's own, although an object does not list its manager for them.

Pulumi's own plugin creates an object without server-side apply, and makes the fields of that manager its own at the
first update, as it does with what somebody has done by `kubectl`. Here it is the same, so that a state which one of the
two has made can be gone on with by the other, and so that what is declared wins over a hand.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

from lab.json_types import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.json_types import JsonObject
    from lab.plugins.wire import Value

# Beginnings of managers' names and their operation, as Pulumi's own plugin has them.
_TAKEN_OVER = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    ("pulumi-kubernetes", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)


def taken_over(live: JsonObject, manager: str) -> list[JsonObject] | None:
    """The object's `managedFields` with those that are taken over as the manager's own; None where there are none."""
    entries: Value = live.get("metadata", {}).get("managedFields")
    if not is_array(entries) or not any(_is_taken_over(entry) for entry in entries):
        return None
    own: JsonObject = {"manager": manager, "operation": "Apply", "apiVersion": live["apiVersion"]}
    own |= {"fieldsType": "FieldsV1", "fieldsV1": {}}
    kept: list[JsonObject] = []
    for entry in entries:
        is_own = entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")
        if is_own or _is_taken_over(entry):
            own["fieldsV1"] = _union(own["fieldsV1"], entry.get("fieldsV1") or {})
        else:
            kept.append(entry)
    return [own, *kept]


def only_taken_over(causes: Sequence[JsonObject]) -> bool:
    """Whether the managers that a refusal names will have been taken over before the real request is made."""
    found = [re.match(r'conflict with "([^"]+)"(?! with subresource)', str(cause.get("message"))) for cause in causes]
    names = tuple(name for name, _ in _TAKEN_OVER)
    return bool(found) and all(match is not None and match[1].startswith(names) for match in found)


def _is_taken_over(entry: JsonObject) -> bool:
    name, operation = entry.get("manager", ""), entry.get("operation")
    return not entry.get("subresource") and any(
        name.startswith(beginning) and operation == of for beginning, of in _TAKEN_OVER
    )


def _union(one: JsonObject, other: JsonObject) -> JsonObject:
    """The fields of both; a field is a key, and what is below it are its own fields."""
    result = copy.deepcopy(one)
    for key, below in other.items():
        known = result.get(key)
        result[key] = _union(known, below) if is_object(known) and is_object(below) else copy.deepcopy(below)
    return result
