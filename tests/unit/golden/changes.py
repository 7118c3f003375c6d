"""What has changed between two values: the part of the new one that a reviewer has to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from tests.unit.golden.plain_yaml import Note


def only_changes(before: Any, after: Any) -> Any:
    """The new value without what is as before. Entries of lists keep their `name`; notes say what is left out."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        changed = {
            key: only_changes(before[key], value) if key in before else value
            for key, value in after.items()
            if key not in before or before[key] != value
        }
        return {**changed, **{key: Note(f"no longer: {key}") for key in before if key not in after}}
    if isinstance(before, list) and isinstance(after, list):
        return _list_changes(before, after)
    return after


def _list_changes(before: list[Any], after: list[Any]) -> list[Any]:
    if not all(isinstance(entry, Mapping) for entry in (*before, *after)):
        return after
    matcher = SequenceMatcher(None, [_text(entry) for entry in before], [_text(entry) for entry in after], False)
    shown: list[Any] = []
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            count = end - start
            shown.append(Note(f"{count} as before" if count > 1 else f"as before{_called(before[start])}"))
        else:
            shown += _replaced(before[start:end], after[new_start:new_end])
    return shown


def _replaced(before: list[Any], after: list[Any]) -> Iterator[Any]:
    """The entries of one stretch of a list. Those that stand for the same thing are shown by what differs in them."""
    if [_identity(entry) for entry in before] == [_identity(entry) for entry in after]:
        yield from (_identity(new) | only_changes(old, new) for old, new in zip(before, after, strict=True))
        return
    old = {entry["name"]: entry for entry in before if "name" in entry}
    for entry in after:
        known = old.pop(entry.get("name"), None)
        yield entry if known is None else _identity(entry) | only_changes(known, entry)
    gone = [entry for entry in before if "name" not in entry or entry["name"] in old]
    yield from (Note(f"no longer: {entry.get('name') or _text(entry)}") for entry in gone)


def _identity(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What tells an entry of a list apart from its neighbours."""
    told = {key: entry[key] for key in ("name", "issuer", "key", "applyTo") if isinstance(entry.get(key), str)}
    port = entry.get("port")
    return {"port": {"name": port["name"]}} if isinstance(port, Mapping) and "name" in port else told


def _called(entry: Mapping[str, Any]) -> str:
    return f": {entry['name']}" if "name" in entry else ""


def _text(entry: Any) -> str:
    return json.dumps(entry, sort_keys=True)
