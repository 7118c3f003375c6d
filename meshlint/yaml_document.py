"""One YAML document: its plain value, and the line of any path in it.

libyaml composes the nodes; values follow YAML 1.2's core schema (`on` and `12:30` are strings). Nodes are dropped once
the value is built, and composed again for the few documents whose lines are asked for: keeping them would cost a
kilobyte a node.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import yaml
from yaml._yaml import CParser

if TYPE_CHECKING:
    from meshlint.finding import Path

MAX_DEPTH = 100
"""Levels of nesting. Istio's deepest object has about 15; a Deployment about 20."""

MAX_NODES = 500_000
"""Values in one document after its aliases are expanded; a list of 5,000 objects has about as many."""


class UnreadableError(Exception):
    """A document that cannot be read. `line` counts from 1 within the document."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class _Composer(CParser):
    """libyaml's parser and composer, leaving tags as they are written: `` for a plain or quoted scalar."""

    def resolve(self, kind: object, value: object, implicit: object) -> str:  # noqa: ARG002
        return ""

    def descend_resolver(self, current_node: object, current_index: object) -> None: ...

    def ascend_resolver(self) -> None: ...


_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), ".Inf": float("inf"), ".INF": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"),
    ".nan": float("nan"), ".NaN": float("nan"), ".NAN": float("nan"),
}  # fmt: skip
_MAX_DIGITS = 400
_TYPED_TAGS = frozenset({f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")})


def plain(text: str) -> Any:
    """A plain scalar by YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if not (first.isdigit() or first in "+-.") or len(text) > _MAX_DIGITS:
        return text
    if _INT.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text[2:], 16)
    if _FLOAT.match(text):
        return float(text)
    return text


_BRACKETS = re.compile(rb"[\[\]{}]")
_STACKED = re.compile(rb"(?:[-?] ){%d}" % MAX_DEPTH)


def _refuse_depth(text: bytes) -> None:
    """libyaml needs memory that grows with the square of the nesting: look before it does."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH and not _STACKED.search(text):
        return
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        depth += 1 if bracket.group() in b"[{" else -1
        if depth > MAX_DEPTH:
            raise UnreadableError(f"nests more than {MAX_DEPTH} levels deep", text.count(b"\n", 0, bracket.start()) + 1)
    stacked = _STACKED.search(text)
    if stacked:
        raise UnreadableError(f"nests more than {MAX_DEPTH} levels deep", text.count(b"\n", 0, stacked.start()) + 1)


_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+(?=\s*[,\]}])")
MAX_ADDRESSES = 200
"""How many unquoted addresses that end in `::` a text may have."""


def compose(text: bytes) -> list[yaml.Node]:
    """The root nodes of `text`, which may hold several documents (separated by `...`)."""
    _refuse_depth(text)
    for _ in range(MAX_ADDRESSES):
        try:
            return _compose(text)
        except yaml.MarkedYAMLError as error:
            quoted = _quoted_address(text, error)
            if quoted is None:
                raise _unreadable(error) from None
            text = quoted
    return _compose(text)


def _quoted_address(text: bytes, error: yaml.MarkedYAMLError) -> bytes | None:
    """The text with quotes around the scalar that libyaml stumbles over: `[2001:db8::]`, which Kubernetes reads."""
    mark = error.context_mark
    if error.problem != "found unexpected ':'" or mark is None:
        return None
    lines = text.split(b"\n")
    line = lines[mark.line].decode(errors="replace")
    scalar = _ADDRESS.match(line, mark.column)
    if scalar is None:
        return None
    lines[mark.line] = f'{line[: mark.column]}"{scalar[0]}"{line[scalar.end() :]}'.encode()
    return b"\n".join(lines)


def _unreadable(error: yaml.MarkedYAMLError) -> UnreadableError:
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return UnreadableError(f"is not YAML: {said}", mark.line + 1 if mark else 1)


def _compose(text: bytes) -> list[yaml.Node]:
    try:
        composer = _Composer(text)
        nodes: list[yaml.Node] = []
        while composer.check_node():
            nodes.append(cast("yaml.Node", composer.get_node()))
    except yaml.reader.ReaderError as error:
        line = text.count(b"\n", 0, error.position) + 1 if isinstance(error.position, int) else 1
        raise UnreadableError(f"has a character that YAML does not allow ({error.reason})", line) from None
    return nodes


class Duplicate:
    """A key that stands twice in one mapping."""

    __slots__ = ("key", "line")

    def __init__(self, key: str, line: int) -> None:
        self.key = key
        self.line = line


class _Builder:
    """Values from nodes."""

    def __init__(self, *, has_aliases: bool) -> None:
        self.duplicates: list[Duplicate] = []
        self._has_aliases = has_aliases
        self._open: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._values: dict[int, Any] = {}
        self._count = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        if isinstance(node, yaml.ScalarNode):
            self._count += 1
            style, tag = node.style, node.tag
            if (not style and not tag) or tag in _TYPED_TAGS:
                return plain(node.value)
            return node.value
        if depth > MAX_DEPTH:
            raise UnreadableError(f"nests more than {MAX_DEPTH} levels deep", node.start_mark.line + 1)
        return self._shared(node, depth) if self._has_aliases else self._collection(node, depth)

    def _shared(self, node: yaml.Node, depth: int) -> Any:
        """A collection that an alias may name again: built once, but counted each time."""
        identity = id(node)
        if identity in self._open:
            raise UnreadableError("has an anchor that contains itself", node.start_mark.line + 1)
        if identity in self._values:
            self._count += self._sizes[identity]
            if self._count > MAX_NODES:
                raise UnreadableError(
                    f"grows to more than {MAX_NODES:,} values when its aliases are expanded", node.start_mark.line + 1
                )
            return self._values[identity]
        self._open.add(identity)
        before = self._count
        value = self._collection(node, depth)
        self._open.discard(identity)
        self._sizes[identity] = self._count - before
        self._values[identity] = value
        return value

    def _collection(self, node: yaml.Node, depth: int) -> Any:
        self._count += 1
        if isinstance(node, yaml.SequenceNode):
            return [self.value(element, depth + 1) for element in node.value]
        built: dict[str, Any] = {}
        merged: list[Any] = []
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            key = self._key(key_node)
            if key == "<<":
                merged.append(self.value(value_node, depth + 1))
                continue
            if key in built:
                self.duplicates.append(Duplicate(key, key_node.start_mark.line + 1))
            built[key] = self.value(value_node, depth + 1)
        for source in merged:
            several = cast("list[Any]", source) if isinstance(source, list) else [source]
            for mapping in several:
                if isinstance(mapping, dict):
                    built = {**cast("dict[str, Any]", mapping), **built}
        return built

    def _key(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode):
            return node.value
        raise UnreadableError("has a mapping or a list as a key", node.start_mark.line + 1)


def values(text: bytes) -> tuple[list[Any], list[Duplicate]]:
    """The plain values of the documents in `text`, and the keys that stand twice.

    Raises UnreadableError for what is not YAML, nests too deep, or grows too big.
    """
    if text.lstrip()[:1] == b"{":
        found = _json(text)
        if found is not None:
            return [found], []
    builder = _Builder(has_aliases=b"&" in text)
    return [builder.value(node, 0) for node in compose(text)], builder.duplicates


class _DuplicateKeyError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise _DuplicateKeyError
    return built


def _json(text: bytes) -> Any | None:
    """JSON is YAML, and read ten times as fast; None if it has to be read as YAML after all."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None


def line_of(nodes: list[yaml.Node], document: int, path: Path) -> int:
    """The line, from 1, of the deepest part of `path` that exists: of its key, where it is a mapping's entry."""
    if document >= len(nodes):
        return 1
    node: yaml.Node = nodes[document]
    line = node.start_mark.line
    for step in path:
        found = _step(node, step)
        if found is None:
            break
        line, node = found
    return line + 1


def _step(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, inner in reversed(cast("list[tuple[yaml.Node, yaml.Node]]", node.value)):
            if key.value == str(step):
                return key.start_mark.line, inner
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        inner = cast("yaml.Node", node.value[step])
        return inner.start_mark.line, inner
    return None
