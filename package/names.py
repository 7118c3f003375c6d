"""Names of settings in a Pulumi program: `longest_call` of the stack file is `longestCall` in every language's SDK but
Python's."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, cast

from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PREFIX = "#/$defs/"


def camel(name: str) -> str:
    """`service_account` as `serviceAccount`."""
    first, *others = name.split("_")
    return first + "".join(other[:1].upper() + other[1:] for other in others)


class StackNames:
    """Puts the names of the stack file in the place of Pulumi's, by the JSON Schema of what the stack file holds.

    Keys that people choose (labels, versions, tools) stay as they are.
    """

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self.problems: list[Problem] = []
        """Settings that are given twice, under both names."""

    def of(self, value: Any, schema: Any, path: str = "") -> Any:
        """The value with the stack file's names."""
        branches = list(self._branches(schema))
        if isinstance(value, (list, tuple)):
            items = [branch["items"] for branch in branches if "items" in branch]
            below = {"anyOf": items}
            return [self.of(item, below, f"{path}[{n}]") for n, item in enumerate(cast("Sequence[Any]", value))]
        if not isinstance(value, dict):
            return value
        renamed: dict[str, Any] = {}
        known = self._names(branches)
        for key, item in cast("dict[str, Any]", value).items():
            name = known.get(key, key)
            here = f"{path}.{name}" if path else name
            if name in renamed:
                self.problems.append(Problem(here, f"is given twice, as {name} and as {camel(name)}; remove one"))
            renamed[name] = self.of(item, {"anyOf": list(_below(branches, name))}, here)
        return renamed

    def _names(self, branches: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        return {camel(name): name for branch in branches for name in branch.get("properties", {})}

    def _branches(self, schema: Any) -> Iterator[Mapping[str, Any]]:
        if not isinstance(schema, dict):
            return
        mapping = cast("dict[str, Any]", schema)
        if "$ref" in mapping:
            yield from self._branches(self._definitions[mapping["$ref"].removeprefix(PREFIX)])
        for key in ("anyOf", "oneOf"):
            for branch in mapping.get(key, ()):
                yield from self._branches(branch)
        yield mapping


def _below(branches: Sequence[Mapping[str, Any]], name: str) -> Iterator[Any]:
    for branch in branches:
        properties = branch.get("properties", {})
        if name in properties:
            yield properties[name]
        elif not properties:
            yield from branch.get("patternProperties", {}).values()
            yield branch.get("additionalProperties")


@functools.cache
def stack_definitions() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """JSON Schemas of what a stack file holds: of its settings by name, and of the specs in them by name."""
    # Here and not above: who only reads names needs no settings.
    from chatgpt_mesh.stack.settings import Settings

    whole = json.loads(json.dumps(Settings.model_json_schema(mode="validation")))
    return whole["properties"], whole["$defs"]
