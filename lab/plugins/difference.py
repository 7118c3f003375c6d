"""What differs between two manifests, and which differences only a new object can carry."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from lab.json_types import is_array, is_object
from lab.plugins.wire import Path, UnknownType, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Pulumi's own plugin replaces these although the API would update them, unless its configuration says otherwise.
CONFIG_MAP_CONTENT = ("data", "binaryData")
SECRET_CONTENT = ("data", "stringData", "type")


class ChangeKind(StrEnum):
    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


@dataclass(frozen=True)
class Change:
    """One property that differs; `replaces` says that the object must be made anew."""

    path: Path
    kind: ChangeKind
    replaces: bool = False


def differences(old: Value, new: Value, path: Path = ()) -> list[Change]:
    """The properties that differ, at the depth where they do. Values carry neither secret marks nor nulls."""
    if is_object(old) and is_object(new):
        changes: list[Change] = []
        for key in {**old, **new}:
            if key not in new:
                changes.append(Change((*path, key), ChangeKind.DELETE))
            elif key not in old:
                changes.append(Change((*path, key), ChangeKind.ADD))
            else:
                changes += differences(old[key], new[key], (*path, key))
        return changes
    if is_array(old) and is_array(new):
        shared = min(len(old), len(new))
        changes = [c for i in range(shared) for c in differences(old[i], new[i], (*path, i))]
        changes += [Change((*path, i), ChangeKind.DELETE) for i in range(shared, len(old))]
        changes += [Change((*path, i), ChangeKind.ADD) for i in range(shared, len(new))]
        return changes
    same = type(old) is type(new) and old == new if isinstance(old, bool) or isinstance(new, bool) else old == new
    if same and not isinstance(new, UnknownType):
        return []
    return [Change(path, ChangeKind.UPDATE)]


def without_ignored(changes: Iterable[Change], ignored: Sequence[Path]) -> list[Change]:
    """The changes that are not inside an ignored property; `*` in an ignored path stands for any step."""
    return [change for change in changes if not any(_inside(change.path, path) for path in ignored)]


def _inside(path: Path, whole: Path) -> bool:
    return len(path) >= len(whole) and all(mine in (step, "*") for step, mine in zip(path, whole, strict=False))


def _starts_with(path: Path, prefix: Path) -> bool:
    return path[: len(prefix)] == prefix


def mark_identity(
    changes: Iterable[Change], kind: str, *, config_map_mutable: bool, secret_mutable: bool
) -> list[Change]:
    """Mark the changes that make another object of it, whatever the API server would say."""
    prefixes: list[Path] = [("metadata", "name"), ("metadata", "namespace"), ("kind",), ("apiVersion",)]
    if kind == "ConfigMap" and not config_map_mutable:
        prefixes += [(key,) for key in CONFIG_MAP_CONTENT]
    if kind == "Secret" and not secret_mutable:
        prefixes += [(key,) for key in SECRET_CONTENT]
    return [
        replace(change, replaces=True)
        if any(_starts_with(change.path, prefix) or _starts_with(prefix, change.path) for prefix in prefixes)
        and _touches_identity(change, prefixes)
        else change
        for change in changes
    ]


def _touches_identity(change: Change, prefixes: Sequence[Path]) -> bool:
    # An unknown `metadata` as a whole may hold another name; an added or deleted parent of a prefix may hold it too.
    return any(_starts_with(change.path, prefix) for prefix in prefixes) or change.path == ("metadata",)


_IMMUTABLE = re.compile(
    r"immutable|may not (?:be )?change|can(?:not| not) (?:be )?change|(?:updates? to .* (?:is|are) forbidden)"
    r"|may not be updated|forbidden: (?:pod )?updates",
    re.IGNORECASE,
)


def is_immutable(message: str) -> bool:
    """Whether a refusal (HTTP 422) says that a field cannot be changed on an existing object."""
    return _IMMUTABLE.search(message) is not None


def mark_immutable(changes: Iterable[Change], causes: Iterable[dict[str, str]], message: str) -> list[Change]:
    """Mark the changes that the API server's refusal names; all of them when it names none that changed."""
    changes = list(changes)
    fields = [_field_path(c.get("field", "")) for c in causes if is_immutable(c.get("message", ""))]
    fields = [field for field in fields if field]
    if not fields and not is_immutable(message):
        return changes
    marked = [
        replace(change, replaces=True) if any(_related(change.path, field) for field in fields) else change
        for change in changes
    ]
    return marked if any(change.replaces for change in marked) else [replace(c, replaces=True) for c in changes]


def _related(path: Path, field: Path) -> bool:
    return _starts_with(path, field) or _starts_with(field, path)


def _field_path(field: str) -> Path:
    """`spec.ports[0].port` as a path; keys in brackets that are no numbers end it."""
    steps: list[str | int] = []
    for name, index in re.findall(r"([^.\[\]]+)|\[([^\]]*)\]", field):
        if name:
            steps.append(name)
        elif index.isdigit():
            steps.append(int(index))
        else:
            break
    return tuple(steps)
