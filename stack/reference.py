"""The reference of stack files, made from the docstrings of the specs: `python -m stack reference >
docs/reference/stack.md`."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, Any]

HEADER = """<!-- Made by `python -m stack reference`. Do not edit: the text comes from the docstrings of the specs. -->

# Stack files

Every setting of `Pulumi.<stack>.yaml` below `config:`, as `chatgpt-mesh:NAME`. Types are those of YAML 1.2 and are
never converted: `"8080"` is text, `8080` a number. An unknown key is a mistake. `python -m mesh show STACK` prints what
a stack stands for.
"""


def page() -> str:
    """The page as Markdown."""
    from chatgpt_mesh.stack import settings

    schema = settings.Settings.model_json_schema(mode="validation")
    definitions = cast("dict[str, Schema]", schema.get("$defs", {}))
    written: list[str] = [HEADER, "## Settings", _table(schema, definitions)]
    for name in _in_order(schema, definitions):
        definition = definitions[name]
        if "properties" not in definition:
            continue
        lead = _sentences(str(definition.get("description", "")))
        written += [f"## {_title(name)}", *([lead] if lead else []), _table(definition, definitions)]
    return "\n\n".join(part.strip() for part in written) + "\n"


def _in_order(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[str]:
    """Names of definitions as a reader meets them."""
    seen: set[str] = set()
    waiting = list(_references(schema.get("properties", {})))
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            yield name
            waiting = [*_references(definitions[name]), *waiting]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in cast("Schema", node).items():
            if key == "$ref":
                yield str(value).rsplit("/", 1)[-1]
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in cast("list[Any]", node):
            yield from _references(value)


def _title(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removesuffix("Spec").removesuffix("Config")).capitalize()


def _anchor(name: str) -> str:
    return _title(name).lower().replace(" ", "-")


def _sentences(text: str) -> str:
    return " ".join(inspect.cleandoc(text).split())


def _table(definition: Schema, definitions: Mapping[str, Schema]) -> str:
    required = set(cast("list[str]", definition.get("required", [])))
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, about in cast("dict[str, Schema]", definition.get("properties", {})).items():
        default = "**required**" if key in required else _default(about)
        kind = definitions.get(str(about.get("$ref", "")).rsplit("/", 1)[-1], {})
        # A field that says nothing of itself is what its type is.
        meaning = _sentences(str(about.get("description") or kind.get("description", ""))).replace("|", "\\|")
        rows.append(f"| `{key}` | {_type(about)} | {default} | {meaning} |")
    return "\n".join(rows)


def _default(about: Schema) -> str:
    default = about.get("default")
    if default in (None, [], {}, ""):
        return ""
    if isinstance(default, dict):
        return "see there"
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in cast("list[object]", default))
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _type(about: Schema) -> str:
    if "$ref" in about:
        name = str(about["$ref"]).rsplit("/", 1)[-1]
        return f"[{_title(name)}](#{_anchor(name)})"
    if "anyOf" in about:
        kinds = [_type(option) for option in cast("list[Schema]", about["anyOf"]) if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in cast("list[object]", about["enum"]))
    if "const" in about:
        return f"`{about['const']}`"
    match about.get("type"):
        case "array":
            return f"list of {_type(cast('Schema', about.get('items', {})))}"
        case "object":
            patterned = list(cast("Schema", about.get("patternProperties", {})).values())
            values = patterned[0] if patterned else about.get("additionalProperties")
            return f"mapping of name to {_type(cast('Schema', values))}" if isinstance(values, dict) else "mapping"
        case "integer" | "number":
            low, high = about.get("minimum"), about.get("maximum")
            noun = "whole number" if about["type"] == "integer" else "number"
            if low is None and high is None:
                return noun
            return (
                f"{noun}, {low if low is not None else ''} to {high}" if high is not None else f"{noun}, at least {low}"
            )
        case "boolean":
            return "true, false"
        case "string":
            examples = cast("list[object]", about.get("examples", []))
            return f"text such as `{examples[0]}`" if examples else "text"
        case _:
            return "any"
