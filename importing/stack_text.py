"""A declaration as the text of a stack file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.stack import stack_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chatgpt_mesh.importing.source import Manifest

HEADING = "# Written by `python -m chatgpt_mesh.stack import`. Settings: docs/reference/stack.md.\n"


class _Plain(yaml.SafeDumper):
    """YAML without anchors, whose texts are texts for a reader of YAML 1.2 as well."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(_dumper: _Plain, text: str) -> yaml.ScalarNode:
    try:
        plain = stack_files.scalar(text)
    except yaml.YAMLError:
        plain = None
    style = None if plain == text and isinstance(plain, str) else '"'
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style="|" if "\n" in text else style)


_Plain.add_representer(str, _text)


def stack_file(values: Mapping[str, Any]) -> str:
    """`values` by the names of settings."""
    named = {f"{stack_files.PACKAGE}:{name}": value for name, value in values.items()}
    return HEADING + _dumped({"config": named})


def manifests(objects: Iterable[Manifest]) -> str:
    """Objects as documents of one file."""
    return "---\n".join(_dumped(one) for one in objects)


def _dumped(value: object) -> str:
    return yaml.dump(value, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
