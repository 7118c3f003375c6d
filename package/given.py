"""What a program gives to a component: Pulumi's inputs as the plain values that a stack file would hold.

What a declaration says decides which objects there are, so all of it has to be known. A secret is known here and marked
again on its way out; what another resource has yet to find out is not, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pulumi
from pulumi.output import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(slots=True)
class Given:
    """Values by input, and what Pulumi knows of them."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    secrets: list[str] = field(default_factory=list[str])
    """Texts that are marked as secret, anywhere in the values."""
    unknown: list[str] = field(default_factory=list[str])
    """Paths of what is known only after another resource is made."""
    resources: set[pulumi.Resource] = field(default_factory=set[pulumi.Resource])
    """Those whose outputs were given: they are there before the component, and go after it."""


async def given(inputs: Mapping[str, pulumi.Input[Any]]) -> Given:
    """The inputs of a component, each output of another resource in its place."""
    found = Given()
    for name, value in inputs.items():
        plain = await _plain(value, name, found)
        if plain is not None:
            found.values[name] = plain
    return found


async def _plain(value: Any, path: str, found: Given) -> Any:
    if isinstance(value, pulumi.Output):
        output = cast("pulumi.Output[Any]", value)
        found.resources |= await output.resources()
        inner = await output.future(with_unknowns=True)
        if not await output.is_known() and (inner is None or isinstance(inner, Unknown)):
            found.unknown.append(path)
            return None
        plain = await _plain(inner, path, found)
        if await output.is_secret():
            found.secrets += _texts(plain)
        return plain
    if isinstance(value, Unknown):
        found.unknown.append(path)
        return None
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        # On the wire a mapping has no order, and what is made of it must not change from one run to the next.
        return {key: await _plain(mapping[key], f"{path}.{key}", found) for key in sorted(mapping)}
    if isinstance(value, (list, tuple)):
        items = cast("list[Any]", value)
        return [await _plain(item, f"{path}[{index}]", found) for index, item in enumerate(items)]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # Pulumi's numbers are all floats
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _texts(item)
