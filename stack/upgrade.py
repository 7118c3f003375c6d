"""What a stack file must change between two versions of this program, and the renames among it written.

Files are edited by the places of their keys, so that comments, order and quotes stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import yaml

from chatgpt_mesh.mesh.specs.problem import InvalidConfig, Problem
from chatgpt_mesh.stack import core_schema, stack_files
from chatgpt_mesh.stack.version_changes import (
    CHANGES,
    RELEASES,
    Change,
    NewDefault,
    OutputChanged,
    Refused,
    Removed,
    Renamed,
    RuleChanged,
    ToDo,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a stack file, or of one that it extends."""

    file: Path
    line: int
    path: str
    sentence: str
    rename: tuple[int, int, str] | None = None
    """Where the key stands in the file's text, and what to write there; None where a person has to decide."""

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}: {self.path}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Everything that changes for one stack."""

    before: str
    now: str
    edits: tuple[Edit, ...]
    """What the files must change."""
    differs: tuple[str, ...]
    """What is otherwise without a line of the files: defaults, outputs, rules."""
    beside: tuple[str, ...]
    """What there is to do outside of the files."""


def upgrade(
    path: Path,
    root: Path,
    before: str | None = None,
    *,
    releases: Sequence[str] = RELEASES,
    changes: Sequence[Change] = CHANGES,
) -> Upgrade:
    """What the stack of a file has to change from one version to this one.

    Args:
        path: The stack file.
        root: The project's directory, against which the files that it extends are named.
        before: The version that the stack ran with; the one before this if not given.
        releases: Versions, oldest first.
        changes: What changed in them.

    Raises:
        InvalidConfig: a file cannot be read, or there is no such version.
    """
    before = before or (releases[-2] if len(releases) > 1 else releases[-1])
    if before not in releases:
        raise InvalidConfig([Problem("--from", f"must be a version of this program: {', '.join(releases)}", before)])
    own = stack_files.read_stack_file(path)
    layers = stack_files.layered(own.values, root)
    if unreadable := [*own.unreadable, *layers.unreadable]:
        raise InvalidConfig(unreadable)
    passed = releases[releases.index(before) + 1 :]
    concerned = [change for change in changes if change.since in passed]
    edits = [edit for file in _files(path, root) for edit in _edits(file, concerned, layers.values)]
    return Upgrade(
        before,
        releases[-1],
        tuple(sorted(edits, key=lambda edit: (str(edit.file), edit.line))),
        tuple(sentence for change in concerned for sentence in _differs(change, layers.values)),
        tuple(change.sentence for change in concerned if isinstance(change, ToDo)),
    )


def write(edits: Sequence[Edit]) -> list[Edit]:
    """Write the renames into their files, line ends as they are; the edits that a person has to make."""
    for file in {edit.file for edit in edits if edit.rename is not None}:
        text = _text(file)
        renames = [edit.rename for edit in edits if edit.file == file and edit.rename is not None]
        for start, end, name in sorted(renames, reverse=True):
            text = text[:start] + name + text[end:]
        file.write_bytes(text.encode())
    return [edit for edit in edits if edit.rename is None]


def _text(file: Path) -> str:
    """A file as it stands on disk: places in it count carriage returns."""
    return file.read_bytes().decode()


def _files(path: Path, root: Path) -> Iterator[Path]:
    """A stack file and what it extends, each once."""
    pending, seen = [path], set[str]()
    while pending:
        file = pending.pop(0)
        if str(file.resolve()) in seen:
            continue
        seen.add(str(file.resolve()))
        yield file
        parents = stack_files.read_stack_file(file).values.get(stack_files.EXTENDS, [])
        pending += [root / str(parent) for parent in parents if isinstance(parents, list)]


def _edits(file: Path, changes: Sequence[Change], values: Mapping[str, Any]) -> Iterator[Edit]:
    node: yaml.Node | None = core_schema.PlainLoader(_text(file)).get_single_node()
    found = list(_keys(node)) if node is not None else []
    for change in changes:
        if not isinstance(change, Renamed | Removed | Refused):
            continue
        for path, key in found:
            if not _fits(change.setting, path):
                continue
            if isinstance(change, Refused) and change.when is not None and not change.when(values, path):
                continue
            known = isinstance(change, Renamed) and any(other == (*path[:-1], change.to) for other, _ in found)
            yield _edit(file, change, path, key, known=known)


def _edit(file: Path, change: Renamed | Removed | Refused, path: Steps, key: yaml.ScalarNode, *, known: bool) -> Edit:
    """`known`: the new name of a renamed setting stands beside the old one."""
    at, line = _dotted(path), key.start_mark.line + 1
    match change:
        case Renamed() if known:
            return Edit(file, line, at, f"is called {change.to} since {change.since}, which stands here too; keep one")
        case Renamed():
            top = f"{stack_files.PACKAGE}:" if len(path) == 1 else ""
            place = (key.start_mark.index, key.end_mark.index, f"{top}{change.to}")
            return Edit(file, line, at, f"is called {change.to} since {change.since}", place)
        case Removed():
            return Edit(file, line, at, f"is no setting since {change.since}; {change.instead}")
        case Refused():
            return Edit(file, line, at, f"is refused here since {change.since}; {change.instead}")


def _keys(root: yaml.Node) -> Iterator[tuple[Steps, yaml.ScalarNode]]:
    """Every key of the settings below `config`, with its path."""
    for key, value in _pairs(root):
        if key.value == "config":
            for named, below in _pairs(value):
                package, _, setting = named.value.partition(":")
                if package == stack_files.PACKAGE:
                    yield (setting,), named
                    yield from _below(below, (setting,))


def _below(node: yaml.Node, at: Steps) -> Iterator[tuple[Steps, yaml.ScalarNode]]:
    if isinstance(node, yaml.SequenceNode):
        for index, entry in enumerate(node.value):
            yield from _below(entry, (*at, index))
    for key, value in _pairs(node):
        yield (*at, key.value), key
        yield from _below(value, (*at, key.value))


def _pairs(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key, value


def _fits(setting: str, path: Steps) -> bool:
    pattern = setting.split(".")
    return len(pattern) == len(path) and all(
        step in ("*", str(there)) for step, there in zip(pattern, path, strict=True)
    )


def _differs(change: Change, values: Mapping[str, Any]) -> Iterator[str]:
    match change:
        case NewDefault():
            *above, last = change.setting.split(".")
            for path, group in _groups(values, above, ()):
                if last not in group:
                    yield (
                        f"{_dotted((*path, last))}: was {change.was} by default, and is {change.now} since "
                        f"{change.since}; write it to keep it"
                    )
        case OutputChanged():
            yield f"Output {change.output}: {change.instead} (since {change.since})."
        case RuleChanged():
            is_ = f"is {_article(change.now)}" if change.now else "is gone"
            yield f"Rule {change.code}: was {_article(change.was)}, and {is_} since {change.since}."
        case _:
            pass


def _article(severity: str) -> str:
    return f"an {severity}" if severity[0] in "aeiou" else f"a {severity}"


def _groups(value: Any, pattern: Sequence[str], at: Steps) -> Iterator[tuple[Steps, Mapping[str, Any]]]:
    """The mappings at a pattern's places."""
    if not pattern:
        if isinstance(value, dict):
            yield at, cast("dict[str, Any]", value)
        return
    step, *rest = pattern
    entries: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        entries = cast("dict[str | int, Any]", value).items()
    elif isinstance(value, list):
        entries = enumerate(cast("list[Any]", value))
    for key, inner in entries:
        if step in ("*", str(key)):
            yield from _groups(inner, rest, (*at, key))


def _dotted(path: Steps) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
