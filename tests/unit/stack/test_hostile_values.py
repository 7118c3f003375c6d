"""Nothing ends in a traceback, and nothing is accepted that nobody has looked at.

A sample of the pairs of `hostile_values` in `make unit`, all of them in `make thorough`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import hypothesis
import pytest
from pydantic import BaseModel

from chatgpt_mesh.stack import settings
from chatgpt_mesh.stack.setting_problems import field_names
from tests.unit.stack import hostile_values
from tests.unit.stack.hostile_values import judge, pairs, stacks, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.unit

PARTS = 24
"""Tests that share the sweep, so that several workers do."""

SAMPLE = 30
"""Of a part's pairs, those that `make unit` takes: every 2000th is enough to see that nothing has come loose."""

LEFT_OUT = {"jwks_file": "is a file's path, which becomes jwks before anything is read"}


@pytest.mark.parametrize("index", range(len(stacks())))
def test_each_stack_is_sound_by_itself(index: int, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: test\nruntime: python\n", encoding="utf-8")
    assert [str(problem) for problem in judge(stacks()[index], tmp_path)] == []


def test_every_setting_is_said_somewhere() -> None:
    said: set[tuple[str, str]] = set()
    for stack in stacks():
        said |= set(_said(stack, settings.Settings))
    models = {settings.Settings, *_models(settings.Settings)}
    wanted = {(model.__name__, name) for model in models for name in field_names(model)}
    assert wanted - said == set()


@pytest.mark.hypothesis
@pytest.mark.parametrize("part", range(PARTS))
def test_is_told_by_its_path_or_stands_on_the_list(part: int) -> None:
    chosen = pairs()[part::PARTS]
    if hypothesis.settings().max_examples < 100:
        chosen = chosen[part :: max(1, len(chosen) // SAMPLE)]
    swept = sweep(chosen)
    assert swept.failed == []
    accepted = hostile_values.accepted()
    listed = {(str(leaf), name) for leaf, name in chosen if name in accepted.get(str(leaf), ())}
    taken = {(leaf, name) for leaf, names in swept.taken.items() for name in names}
    assert taken == listed, "look at each, and then: python -m tests.unit.stack.hostile_values"


def _said(value: Any, kind: Any) -> Iterator[tuple[str, str]]:
    """Fields of models that a document sets, as far as types can be followed by what is written."""
    for model in _direct(kind):
        if isinstance(value, dict) and set(value) <= field_names(model).keys():
            for key, item in value.items():
                yield model.__name__, key
                yield from _said(item, model.model_fields[field_names(model)[key]].annotation)
    for inner in _inner(kind):
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in items:
            yield from _said(item, inner)


def _direct(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif getattr(kind, "__origin__", None) not in (dict, tuple):
        for argument in get_args(kind):
            yield from _direct(argument)


def _inner(kind: Any) -> Iterator[Any]:
    if getattr(kind, "__origin__", None) in (dict, tuple):
        yield from get_args(kind)
    else:
        for argument in get_args(kind):
            yield from _inner(argument)


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    for about in kind.model_fields.values():
        for model in _anywhere(about.annotation):
            yield model
            yield from _models(model)


def _anywhere(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for argument in get_args(kind):
        yield from _anywhere(argument)
