"""Mistakes as people make them in Istio's objects: each operator proposes places for one kind of mistake."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
Objects = list[Object]
Place = tuple[int, tuple[Any, ...]]
"""Which object, and the path in it."""


@dataclass(frozen=True)
class Mistake:
    """One change of one mesh. `apply` returns the changed objects and leaves the given ones as they are."""

    operator: str
    object: str
    what: str
    apply: Callable[[Objects], Objects]
    shown_as_setting: bool = False
    """Whether it concerns what answers to requests do not show: keys, exports, names that are sent to others."""


ISTIO = ("networking.istio.io", "security.istio.io")


def key_of(obj: Object) -> str:
    return f"{obj['kind']}/{obj['metadata'].get('namespace', 'default')}/{obj['metadata']['name']}"


def of_kind(objects: Sequence[Object], *kinds: str) -> Iterator[tuple[int, Object]]:
    for index, obj in enumerate(objects):
        if obj.get("kind") in kinds and str(obj.get("apiVersion")).startswith(ISTIO):
            yield index, obj


def walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value below another one, with its path."""
    yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from walk(inner, (*path, name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from walk(inner, (*path, position))


def at(value: Any, path: Sequence[Any]) -> Any:
    for step in path:
        value = value[step]
    return value


def put(index: int, path: Sequence[Any], value: Any) -> Callable[[Objects], Objects]:
    """Another value at a path."""

    def apply(objects: Objects) -> Objects:
        changed = list(objects)
        changed[index] = copy.deepcopy(objects[index])
        at(changed[index], path[:-1])[path[-1]] = copy.deepcopy(value)
        return changed

    return apply


def left_out(index: int, path: Sequence[Any]) -> Callable[[Objects], Objects]:
    """Without the value at a path; a list or mapping that is then empty goes too."""

    def apply(objects: Objects) -> Objects:
        changed = list(objects)
        changed[index] = copy.deepcopy(objects[index])
        steps = list(path)
        del at(changed[index], steps[:-1])[steps[-1]]
        while len(steps) > 2 and not at(changed[index], steps[:-1]):
            steps.pop()
            del at(changed[index], steps[:-1])[steps[-1]]
        return changed

    return apply


def swapped(index: int, one: Sequence[Any], other: Sequence[Any]) -> Callable[[Objects], Objects]:
    """The values at two paths of an object in each other's place."""

    def apply(objects: Objects) -> Objects:
        left, right = at(objects[index], one), at(objects[index], other)
        return put(index, other, left)(put(index, one, right)(objects))

    return apply


def removed(index: int) -> Callable[[Objects], Objects]:
    return lambda objects: [*objects[:index], *objects[index + 1 :]]


def named(path: Sequence[Any], *steps: str) -> bool:
    """Whether the names in a path, positions left out, end with these."""
    names = [step for step in path if isinstance(step, str)]
    return tuple(names[-len(steps) :]) == steps


def scalars(objects: Objects, kinds: Sequence[str], *steps: str) -> Iterator[tuple[int, Object, tuple[Any, ...], Any]]:
    """Every scalar at paths of some name in objects of some kinds."""
    for index, obj in of_kind(objects, *kinds):
        for path, value in walk(obj.get("spec", {}), ("spec",)):
            if not isinstance(value, dict | list) and named(path, *steps):
                yield index, obj, path, value


def parts(objects: Objects, kinds: Sequence[str], *steps: str) -> Iterator[tuple[int, Object, tuple[Any, ...], Any]]:
    """Every mapping or list at paths of some name, or an element of it."""
    for index, obj in of_kind(objects, *kinds):
        for path, value in walk(obj.get("spec", {}), ("spec",)):
            if isinstance(value, dict | list) and named(path, *steps):
                yield index, obj, path, value
