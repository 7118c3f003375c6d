"""`null` in a stack file: nothing there.

Where a setting can be nothing (`resilience.outlier`, a limit), `null` says so, over a default too. Everywhere else it
takes away what was inherited.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel

_NOTHING = type(None)


def taken_away(value: Any, *kinds: Any) -> Any:
    """The value of a setting of one of the kinds, without each `null` that only takes away.

    A `null` at a key that no kind has stays: it is a misspelt name, and is told as one. Lists stay as they are, since
    no layer reaches into one.
    """
    branches = [branch for kind in kinds for branch in _branches(kind)]
    if not isinstance(value, Mapping) or not branches or Any in branches:
        return cast("Any", value)
    kept: dict[str, Any] = {}
    for key, item in cast("Mapping[str, Any]", value).items():
        inner = [kind for branch in branches for kind in _below(branch, key)]
        if item is not None or not inner or _can_be_nothing(inner):
            kept[key] = taken_away(item, *inner)
    return kept


def _can_be_nothing(kinds: Sequence[Any]) -> bool:
    return any(branch in (Any, _NOTHING) for kind in kinds for branch in _branches(kind))


def _branches(kind: Any) -> Iterator[Any]:
    """What a union is made of; a type without its annotations."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _branches(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for branch in get_args(kind):
            yield from _branches(branch)
    else:
        yield kind


def _below(kind: Any, key: str) -> Iterator[Any]:
    """The types of what a key of a value of that type holds."""
    origin = get_origin(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, about in kind.model_fields.items():
            if key == (about.alias or name):
                yield about.annotation
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield get_args(kind)[1]
