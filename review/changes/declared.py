"""In which settings two declarations differ, leaf by leaf, so that nothing that was written goes unsaid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from chatgpt_mesh.review.changes.sentence import Sentence, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.stack.settings import Settings

_LONGEST = 80
"""Characters of a value that a sentence shows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that only one has (the other is None), or that has another value."""

    path: str
    """As mistakes name it: `apps.chatgpt-mcp.callers[2]`."""
    before: Any
    now: Any

    def told(self) -> Sentence:
        was, is_ = self.before, self.now
        if _is_list(was) and _is_list(is_):
            return Sentence(Topic.SETTINGS, f"{self.path}: {_list_change(was, is_)}.")
        before, now = _shown(was), _shown(is_)
        if was is None:
            return Sentence(Topic.SETTINGS, f"{self.path} is {now}; it was not set.")
        if is_ is None:
            return Sentence(Topic.SETTINGS, f"{self.path} is not set any more; it was {before}.")
        return Sentence(Topic.SETTINGS, f"{self.path} is {now}; it was {before}.")


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_below(path: str, told: Iterable[str]) -> bool:
    """Whether a path is one of `told`, or stands below one."""
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in told)


def differences(before: Settings, now: Settings) -> list[Difference]:
    """Every setting in which they differ, in the order of the declaration."""
    return list(_walk("", _plain(before), _plain(now)))


def _plain(spec: Settings) -> dict[str, Any]:
    return spec.model_dump(mode="json", by_alias=True)


def _walk(path: str, before: Any, now: Any) -> Iterator[Difference]:
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        left, right = cast("dict[str, Any]", before), cast("dict[str, Any]", now)
        for name in dict.fromkeys([*left, *right]):
            yield from _walk(f"{path}.{name}".lstrip("."), left.get(name), right.get(name))
    elif _are_records(before) and _are_records(now):
        yield from _walk_lists(path, before, now)
    else:
        yield Difference(path, before, now)


def _are_records(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    return _is_list(value) and all(isinstance(item, dict) for item in value)


def _walk_lists(path: str, before: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[Difference]:
    """Entry by entry, so that one that comes or goes does not make all behind it differ."""
    written = [[json.dumps(item, sort_keys=True) for item in listed] for listed in (before, now)]
    for kind, start, end, begin, stop in SequenceMatcher(None, *written, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for offset in range(max(end - start, stop - begin)):
            left = before[start + offset] if start + offset < end else None
            right = now[begin + offset] if begin + offset < stop else None
            index = begin + offset if right is not None else start + offset
            yield from _walk(f"{path}[{index}]", left, right)


def _list_change(before: list[Any], now: list[Any]) -> str:
    gone = [_shown(item) for item in before if item not in now]
    new = [_shown(item) for item in now if item not in before]
    said = [f"{', '.join(new)} is new" if len(new) == 1 else f"{', '.join(new)} are new"] if new else []
    said += [f"{', '.join(gone)} is gone" if len(gone) == 1 else f"{', '.join(gone)} are gone"] if gone else []
    return "; ".join(said) or "another order"


def _shown(value: Any) -> str:
    """A value as a stack file has it, without what says nothing (null, empty)."""
    written = value if isinstance(value, str) else json.dumps(_said(value), ensure_ascii=False)
    written = " ".join(written.split()) or '""'
    return written if len(written) <= _LONGEST else f"{written[: _LONGEST - 3]}..."


def _said(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        kept = {name: _said(item) for name, item in cast("dict[str, Any]", value).items()}
        return {name: item for name, item in kept.items() if item not in (None, {}, [])}
    return [_said(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value
