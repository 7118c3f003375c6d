"""Turns pydantic's errors about a stack's settings into sentences with the path, the value and what to write."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Union, get_args, get_origin

from pydantic import BaseModel

from chatgpt_mesh.mesh.specs.problem import Problem

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Step = str | int

# pydantic's error types, with what a stack file should hold instead. `{name}` is filled from the error's context.
_SENTENCES: Mapping[str, str] = {
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number, without quotes",
    "int_parsing": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "float_parsing": "must be a number, without quotes",
    "string_type": "must be text; put it in quotes",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "set_type": "must be a list",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be {le} or less",
    "too_short": "needs {min_length} or more entries, and has {actual_length}",
    "too_long": "takes {max_length} entries at most, and has {actual_length}",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} characters at most",
    "string_pattern_mismatch": "must match {pattern}",
    "date_from_datetime_parsing": 'must be a date in quotes, such as "2027-01-31"',
    "date_type": 'must be a date in quotes, such as "2027-01-31"',
    "date_parsing": 'must be a date in quotes, such as "2027-01-31"',
    "union_tag_not_found": "needs the key {discriminator}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
}


def problems(error: ValidationError, root: object, at: str) -> list[Problem]:
    """Every mistake of one validation, once each.

    `root` is the type that was validated, `at` its path in the stack file.
    """
    found: dict[tuple[str, str], Problem] = {}
    details = error.errors(include_url=False)
    for detail in details:
        if _of_other_branch(detail, details):
            continue
        problem = _problem(detail, root, at)
        found.setdefault((problem.path, problem.message), problem)
    return list(found.values())


def joined(at: str, steps: Sequence[Step]) -> str:
    """`apps.chatgpt-mcp.callers[0]`, the way `pulumi config set --path` writes it."""
    path = at
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path


def unknown_key(key: str, allowed: Sequence[str]) -> str:
    """What to say about a key that nothing reads."""
    near = difflib.get_close_matches(key, allowed, n=1, cutoff=0.6)
    if near:
        return f"is not a setting; did you mean `{near[0]}`?"
    return f"is not a setting; allowed here: {', '.join(sorted(allowed)) or 'nothing'}"


def _problem(detail: ErrorDetails, root: object, at: str) -> Problem:
    steps, parent = _resolve(root, detail["loc"])
    path = joined(at, steps)
    kind = detail["type"]
    context = dict(detail.get("ctx", {}))
    value: object = detail["input"] if _is_scalar(detail["input"]) else None
    if kind == "extra_forbidden":
        return Problem(path, unknown_key(str(steps[-1]), tuple(field_names(parent)) if parent else ()))
    if kind == "missing":
        field = parent.model_fields.get(field_names(parent).get(str(steps[-1]), "")) if parent else None
        about = f": {field.description.rstrip('.')}" if field and field.description else ""
        return Problem(path, f"is required{about}")
    if kind == "sentence":
        return Problem(path, str(context["sentence"]), value)
    if kind in ("value_error", "assertion_error"):
        return Problem(path, str(context.get("error") or detail["msg"]), value)
    template = _SENTENCES.get(kind)
    message = template.format(**context) if template else _lowered(detail["msg"])
    return Problem(path, message, value)


def _of_other_branch(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a mistake is that of the branch of a union that nobody meant: text where a mapping is written, or a
    mapping where it is text."""
    *before, branch = detail["loc"] or ("",)
    of_text = isinstance(branch, str) and (branch == "str" or branch.startswith("function-"))
    unmeant = of_text if isinstance(detail["input"], Mapping) else detail["type"] == "model_type"
    return unmeant and any(
        other is not detail and list(other["loc"][: len(before)]) == before and other["loc"] != detail["loc"]
        for other in details
    )


def field_names(model: type[BaseModel]) -> dict[str, str]:
    """Names of a model's fields by what a stack file calls them (`from` is a word of Python's)."""
    return {about.alias or name: name for name, about in model.model_fields.items()}


def _is_scalar(value: object) -> bool:
    return value is not None and not isinstance(value, (Mapping, list, tuple))


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _resolve(root: object, location: tuple[Step, ...]) -> tuple[list[Step], type[BaseModel] | None]:
    """The steps of a location as the stack file has them, and the model that holds the last one.

    pydantic's location also names the branch of a union that it tried; those are not in the file.
    """
    steps: list[Step] = []
    here = _branches(root)
    parent: type[BaseModel] | None = None
    for step in location:
        if step == "[key]":  # pydantic's word for a mistake in the key that the step before names
            continue
        below, holder = _down(here, step)
        if below is None and isinstance(step, str) and len(here) > 1:
            here = [kind for kind in here if step in _branch_names(kind)]
            continue
        steps.append(step)
        parent = holder
        here = below or []
    return steps, parent


def _down(here: Sequence[object], step: Step) -> tuple[list[object] | None, type[BaseModel] | None]:
    """The types below `step`, or None where none of the branches has it, and the model that would hold it."""
    holder: type[BaseModel] | None = None
    for kind in here:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            holder = holder or kind
            field = kind.model_fields.get(field_names(kind).get(str(step), ""))
            if field is not None:
                return _branches(field.annotation), kind
            continue
        origin, arguments = get_origin(kind), get_args(kind)
        if isinstance(step, int) and origin in (list, tuple, set, frozenset, Sequence) and arguments:
            return _branches(arguments[0]), None
        if isinstance(step, str) and isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
            return _branches(arguments[1]), None
    return None, holder


def _branches(kind: object) -> list[object]:
    """A type's union members, flat, without Annotated and aliases."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _branches(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return [branch for member in get_args(kind) for branch in _branches(member)]
    return [] if kind is type(None) else [kind]


def _branch_names(kind: object) -> frozenset[str]:
    """What pydantic calls this branch of a union: its class, or its value of the discriminator."""
    names = {getattr(kind, "__name__", str(kind)), str(kind)}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for field in kind.model_fields.values():
            if get_origin(field.annotation) is typing.Literal:
                names.update(str(value) for value in get_args(field.annotation))
    return frozenset(names)
