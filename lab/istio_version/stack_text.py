"""Istio's release as it stands in the text of stack files and of pages that show them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FENCE = re.compile(r"^```yaml (?:stack|part)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RELEASE = re.compile(r"\d+\.\d+\.\d+")
_SETTINGS = (("version",), ("images", "tag"))


@dataclass(frozen=True, slots=True)
class Written:
    """One setting that names a release: its path below the stack, its value, its line, and where its text stands."""

    setting: str
    value: str
    line: int
    start: int
    end: int


def stack_files(root: Path) -> list[Path]:
    """The stacks' files and their parents, those that tests stand on included."""
    patterns = ("Pulumi*.yaml", "config/*.yaml", "tests/unit/golden/concerns/mesh-without-apps.yaml")
    return [file for pattern in patterns for file in sorted(root.glob(pattern))]


def page_files(root: Path) -> list[Path]:
    """The pages that people write and that may show stack files."""
    return [file for directory in ("docs", "examples") for file in sorted((root / directory).rglob("*.md"))] + [
        root / "README.md"
    ]


def releases_in_stack(text: str) -> list[Written]:
    """`istio.version`, and `istio.images.tag` where it is a release and not a name such as `lab`."""
    return list(_releases(text, 0, 0))


def releases_in_page(text: str) -> list[Written]:
    """The same in each stack file that a page shows."""
    return [
        written
        for fence in _FENCE.finditer(text)
        for written in _releases(fence[1], fence.start(1), text.count("\n", 0, fence.start(1)))
    ]


def with_release(text: str, found: list[Written], release: str) -> str:
    """The text with another release in these settings; quotes, comments and everything else stay."""
    for written in sorted(found, key=lambda one: one.start, reverse=True):
        here = text[written.start : written.end].replace(written.value, release)
        text = text[: written.start] + here + text[written.end :]
    return text


def _releases(text: str, offset: int, lines: int) -> Iterator[Written]:
    # The pure Python loader: only its marks count characters. What follows a stack file is what it stands for.
    loader = yaml.SafeLoader(text)
    istio = _below(loader.get_node() if loader.check_node() else None, "config", "chatgpt-mesh:istio")
    for path in _SETTINGS:
        node = _below(istio, *path)
        if isinstance(node, yaml.ScalarNode) and _RELEASE.fullmatch(node.value):
            start, end = node.start_mark, node.end_mark
            setting = ".".join(("istio", *path))
            yield Written(setting, node.value, lines + start.line + 1, offset + start.index, offset + end.index)


def _below(node: yaml.Node | None, *path: str) -> yaml.Node | None:
    for name in path:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if key.value == name), None)
    return node
