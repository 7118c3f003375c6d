"""What others build on, as names: settings of a stack file and their defaults, keys of the outputs, codes of rules with
their severity.

`python -m tests.unit.contract > docs/released/VERSION.json`, when a version is released and never after.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from chatgpt_mesh.components.outputs import json_schema
from chatgpt_mesh.stack.settings import Settings
from meshlint import rules
from tests.unit.stack import said_settings


def names() -> dict[str, list[str]]:
    return {
        "settings": sorted(f"{model}.{name}" for model, name in said_settings.every()),
        "defaults": sorted(_defaults(Settings.model_json_schema(mode="validation"))),
        "outputs": sorted(set(_keys(json_schema()))),
        "rules": [f"{code} {rule.severity.name.lower()}" for code, rule in rules.load().items()],
    }


def _defaults(schema: dict[str, Any]) -> Iterator[str]:
    """`MODEL.SETTING = VALUE`, for every setting whose default is a plain value and no group of others."""
    for model, inner in {"Settings": schema, **schema.get("$defs", {})}.items():
        for name, about in inner.get("properties", {}).items():
            default = about.get("default")
            if default is not None and not isinstance(default, dict):
                yield f"{model}.{name} = {json.dumps(default)}"


def _keys(schema: Any, at: str = "") -> list[str]:
    """Paths of an object's keys, from the outputs or a definition on; `*` stands for a name that a stack chooses."""
    found: list[str] = []
    for name, inner in {**schema.get("properties", {}), **_any(schema)}.items():
        path = f"{at}.{name}" if at else name
        found += [path, *_keys(inner, path)]
    for inner in (*schema.get("anyOf", ()), *_items(schema)):
        found += _keys(inner, at)
    for name, inner in schema.get("$defs", {}).items():
        found += _keys(inner, name)
    return found


def _any(schema: Any) -> dict[str, Any]:
    more = schema.get("additionalProperties")
    return {"*": more} if isinstance(more, dict) else {}


def _items(schema: Any) -> list[Any]:
    items = schema.get("items")
    return [items] if isinstance(items, dict) else []


if __name__ == "__main__":
    print(json.dumps(names(), indent=1))
