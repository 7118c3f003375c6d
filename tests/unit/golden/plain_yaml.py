"""YAML as a reviewer reads it, and marks in it for what a golden leaves out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Note:
    """Stands in a value for something that is not shown; written as a comment."""

    text: str


class PlainDumper(yaml.SafeDumper):
    """YAML without anchors, and with texts of several lines as blocks, so that a diff reads like the file."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _note(dumper: yaml.SafeDumper, note: Note) -> yaml.ScalarNode:
    return dumper.represent_scalar("!note", note.text)


PlainDumper.add_representer(str, _text)
PlainDumper.add_representer(Note, _note)

_NOTE = re.compile(r"""^(?P<indent> *)(?:- |[^\n]*?: )!note (?P<quote>['"]?)(?P<text>.*)(?P=quote)$""", re.MULTILINE)


def plain(value: Any) -> str:
    """The YAML text of a value."""
    # No line is folded: a folded note could not be told apart, and a folded text hides what changed in it.
    text = yaml.dump(value, Dumper=PlainDumper, sort_keys=False, width=2**16, allow_unicode=True)
    return _NOTE.sub(lambda found: f"{found['indent']}# {found['text'].replace(chr(39) * 2, chr(39))}", text)
