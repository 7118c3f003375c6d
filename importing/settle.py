"""Makes a drafted declaration one that the product takes: what it refuses is taken out, and told in its own words."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing.draft import path_of, steps_of
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.problem import InvalidConfig, Problem
from chatgpt_mesh.review.version import Version
from chatgpt_mesh.stack import settings

if TYPE_CHECKING:
    from datetime import date

    from chatgpt_mesh.importing.draft import Draft
    from chatgpt_mesh.importing.source import Source

MOST_ROUNDS = 400
"""Each round takes one setting out or moves one object; an input of this many refusals is no mesh that runs."""

_IDENTIFY = frozenset({"exact", "prefix", "host", "address", "from", "app", "service_account", "namespace", "value"})
"""Settings without which an entry of a list means nothing."""


class NotImportableError(Exception):
    """Nothing can be taken out of the declaration that would make it right."""


def settle(draft: Draft, raw: list[Source], today: date) -> tuple[Version, list[Source]]:
    """The declaration as the product reads it, and the objects that it has no place for.

    `raw` are Istio's objects that are to stay as they are; those that the declaration takes stand under `objects`.

    Raises:
        NotImportableError: a mistake stays whatever is taken out.
    """
    inside = list(raw)
    beside: list[Source] = []
    for _ in range(MOST_ROUNDS):
        if inside:
            draft.values["objects"] = [_raw(source) for source in inside]
        else:
            draft.values.pop("objects", None)
        found = _problems(draft.values, today)
        if isinstance(found, Version):
            return found, beside
        if refused := _refused(found):
            beside += [_moved(inside[place], problem) for place, problem in refused.items()]
            inside = [source for place, source in enumerate(inside) if place not in refused]
            continue
        for problem in _apart(found):
            if draft.drop(path_of(_entry(_steps(problem))), f"is not declared: {_words(problem)}") is None:
                raise NotImportableError(str(problem))
    raise NotImportableError(f"after {MOST_ROUNDS} rounds there are mistakes still; the input contradicts itself")


def _problems(values: dict[str, Any], today: date) -> Version | list[Problem]:
    """The version that these settings make, or what is wrong with them."""
    try:
        read = settings.read(copy.deepcopy(values), today)
        version = Version("imported", read, Mesh(read, today), today)
    except InvalidConfig as mistakes:
        return list(mistakes.problems)
    errors, _ = version.findings()
    return errors or version


def _apart(found: list[Problem]) -> list[Problem]:
    """The first problem of each app and each other part: what is taken out moves no path of another."""
    firsts: dict[tuple[str | int, ...], Problem] = {}
    for problem in found:
        firsts.setdefault(tuple(_steps(problem)[:2]), problem)
    return list(firsts.values())


def _refused(found: list[Problem]) -> dict[int, Problem]:
    """The first problem of each object that the declaration refuses, by the object's position."""
    refused: dict[int, Problem] = {}
    for problem in found:
        match _steps(problem):
            case ["objects", int(place), *_]:
                refused.setdefault(place, problem)
            case _:
                pass
    return refused


def _moved(source: Source, problem: Problem) -> Source:
    """The object, with why it stays beside the declaration."""
    field = path_of(_steps(problem)[2:])
    at = f" ({field})" if field else ""
    source.kept_why += f"; the declaration does not take it: {_words(problem)}{at}"
    return source


def _steps(problem: Problem) -> list[str | int]:
    """Its path; the checker's ends before the object that it names."""
    return steps_of(problem.path.partition(": ")[0])


def _raw(source: Source) -> dict[str, Any]:
    """An object as `objects` has it: what a server adds to it is none of the declaration's."""
    manifest = source.kept_as or {}
    return {key: manifest[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in manifest}


def _entry(steps: list[str | int]) -> list[str | int]:
    """The entry of a list, where the setting that is refused is what the entry is about."""
    for length in range(len(steps), 1, -1):
        if steps[length - 1] in _IDENTIFY and isinstance(steps[length - 2], int):
            return steps[: length - 1]
    return steps


def _words(problem: Problem) -> str:
    """The product's sentence, without the value: the input may hold what is nobody's to see."""
    return re.sub(r"\s+", " ", problem.message)
