"""What a declaration can hold, and what one holds: the leaves of its spec, as texts.

apps.*.rollout.canary.percent           a field that is written
apps.*.rollout.canary.percent = 100     an end of its range
apps.*.rollout.managed_by = flagger     a word of a closed list
apps.*.rollout = null                   nothing where something could be
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from chatgpt_mesh.mesh.specs.spec import Bounds


def possible(kind: Any, path: str = "") -> Iterator[str]:
    """Every leaf of a type: fields, ends of ranges, words, branches of unions."""
    kind, ends = _bare(kind)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        for branch in get_args(kind):
            yield from (f"{path} = null",) if branch is type(None) else possible(_with(branch, ends), path)
    elif origin is Literal:
        yield from (f"{path} = {word}" for word in get_args(kind))
    elif kind is bool:
        yield from (f"{path} = True", f"{path} = False")
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for _, written, field in _fields(kind):
            yield from possible(field, f"{path}.{written}" if path else written)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from possible(get_args(kind)[1], f"{path}.*")
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        yield from possible(get_args(kind)[0], f"{path}[]")
    else:
        yield path
        yield from (f"{path} = {end}" for end in ends)


def reached(kind: Any, value: Any, path: str = "") -> Iterator[str]:
    """The leaves of a value of that type that somebody has written."""
    kind, ends = _bare(kind)
    origin = get_origin(kind)
    if kind is Any:
        yield path
    elif origin in (Union, types.UnionType):
        if value is None:
            yield f"{path} = null"
            return
        fitting = [branch for branch in get_args(kind) if _fits(branch, value)]
        # A word of a closed list is a text, too.
        branch = next((branch for branch in fitting if get_origin(_bare(branch)[0]) is Literal), fitting[0])
        yield from reached(_with(branch, ends), value, path)
    elif origin is Literal or kind is bool:
        yield f"{path} = {value}"
    elif isinstance(value, BaseModel):
        for name, written, field in _fields(type(value)):
            given = getattr(value, name)
            if name in value.model_fields_set or given is None:
                yield from reached(field, given, f"{path}.{written}" if path else written)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from reached(get_args(kind)[1], item, f"{path}.*")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from reached(get_args(kind)[0], item, f"{path}[]")
    else:
        yield path
        yield from (f"{path} = {end}" for end in ends if value == end)


@cache
def _fields(model: type[BaseModel]) -> tuple[tuple[str, str, Any], ...]:
    """Name, name in a stack file and type of each field."""
    return tuple(
        (
            name,
            about.alias or name,
            Annotated[about.annotation, *about.metadata] if about.metadata else about.annotation,
        )
        for name, about in model.model_fields.items()
    )


def _bare(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type without its annotations, and the ends of its range."""
    ends: list[Any] = []
    while get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        for note in notes:
            ends += _ends(note)
    return kind, tuple(ends)


def _ends(note: Any) -> list[Any]:
    if isinstance(note, FieldInfo):
        return [end for inner in note.metadata for end in _ends(inner)]
    if isinstance(note, AfterValidator) and isinstance(note.func, Bounds):
        return list(note.func.ends)
    if isinstance(note, annotated_types.Ge):
        return [note.ge]
    return [note.le] if isinstance(note, annotated_types.Le) else []


def _with(branch: Any, ends: tuple[Any, ...]) -> Any:
    """The ends of `Annotated[int | None, Ge(1)]` are those of its number."""
    bare, own = _bare(branch)
    if bare in (int, float) and ends and not own:
        return Annotated[branch, *(annotated_types.Ge(end) for end in ends)]
    return branch


def _fits(branch: Any, value: Any) -> bool:
    bare, _ = _bare(branch)
    origin = get_origin(bare)
    if origin is Literal:
        return value in get_args(bare)
    return isinstance(value, origin or bare)
