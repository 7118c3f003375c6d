"""YAML as Pulumi's engine reads it: the scalars of version 1.2's core schema, and no key twice."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Protocol, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Hashable

FIRST_GIVEN = "the key was first given"
"""The context of an error about a key that is given twice; its mark is the first one's."""


class _Constructor(Protocol):
    """What is asked of PyYAML, which says nothing of this method's types."""

    def construct_object(self, node: yaml.Node, deep: bool) -> object: ...


class _CoreSchema(yaml.constructor.SafeConstructor):
    """The values of YAML 1.2's core schema, which Pulumi's engine reads too.

    In YAML 1.1 `on`, `no` and `y` are booleans, `1:30` is 90, and `012` is 10.
    https://yaml.org/spec/1.2.2/#103-core-schema
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, yaml.Mark] = {}
        for key_node, _ in node.value:
            key = cast("_Constructor", self).construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is not a string; put it in quotes", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    FIRST_GIVEN, seen[key], f"the key {key!r} is given twice", key_node.start_mark
                )
            seen[key] = key_node.start_mark
        return super().construct_mapping(node, deep=deep)

    def construct_core_int(self, node: yaml.ScalarNode) -> int:
        text = str(self.construct_scalar(node))
        try:
            if text.startswith("0o"):
                return int(text[2:], 8)
            return int(text, 16) if text.startswith("0x") else int(text)
        except ValueError:  # `!!int word`, and more digits than Python reads
            raise yaml.constructor.ConstructorError(None, None, "this is no number", node.start_mark) from None

    def construct_core_float(self, node: yaml.ScalarNode) -> float:
        try:
            return self.construct_yaml_float(node)
        except ValueError:
            raise yaml.constructor.ConstructorError(None, None, "this is no number", node.start_mark) from None

    def construct_core_bool(self, node: yaml.ScalarNode) -> bool:
        text = str(self.construct_scalar(node)).lower()
        if text not in ("true", "false"):
            raise yaml.constructor.ConstructorError(None, None, "this is neither true nor false", node.start_mark)
        return text == "true"


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
):
    for _character in _first:
        _resolvers = _CoreSchema.yaml_implicit_resolvers.setdefault(_character, [])
        _resolvers.append((_tag, re.compile(f"^(?:{_pattern})$")))
# What else YAML 1.1 makes of tags (dates, bytes, sets) has no place in a stack file: it is refused as an unknown tag.
_CoreSchema.yaml_constructors = {
    **{
        tag: constructor
        for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in ("null", "str", "seq", "map")
    },
    "tag:yaml.org,2002:int": _CoreSchema.construct_core_int,
    "tag:yaml.org,2002:float": _CoreSchema.construct_core_float,
    "tag:yaml.org,2002:bool": _CoreSchema.construct_core_bool,
}


class PlainLoader(_CoreSchema, yaml.SafeLoader):
    """PyYAML's own parser, which says best what is wrong with a text."""


class LibYamlLoader(_CoreSchema, yaml.CSafeLoader):
    """libyaml: ten times as quick."""


_MAX_DEPTH = 100
_READ_OTHERWISE = re.compile(rf"[\t\ufeff]|^[-? ]{{{2 * _MAX_DEPTH}}}", re.MULTILINE)
"""Tabs and marks of byte order, which libyaml takes in more places; and what nests deeply by indentation."""
_BRACKETS = re.compile(r"[\[\]{}]")


def load(text: str) -> object:
    """Its document, by libyaml where that reads it.

    What libyaml refuses is read again by PyYAML's own parser: it takes a few forms more, and the mistake is told in its
    words. So is what nests deeply, of which libyaml would fill the stack of the process.

    Raises:
        yaml.YAMLError: it is no YAML, or no value of the core schema.
        RecursionError: it nests too deeply.
    """
    if not _READ_OTHERWISE.search(text) and _depth(text) <= _MAX_DEPTH:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.load(text, LibYamlLoader)  # noqa: S506 - a SafeLoader
    return yaml.load(text, PlainLoader)  # noqa: S506 - a SafeLoader


def _depth(text: str) -> int:
    """Of brackets; one in a string counts too."""
    depth = deepest = 0
    for bracket in _BRACKETS.finditer(text):
        depth += 1 if bracket.group() in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
