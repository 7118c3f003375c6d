"""Which settings documents say, as pairs of a model's name and a field's, and which settings there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from chatgpt_mesh.stack.setting_problems import field_names
from chatgpt_mesh.stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Setting = tuple[str, str]


def every() -> set[Setting]:
    """Every setting that a stack file may hold."""
    return {(model.__name__, name) for model in {Settings, *_models(Settings)} for name in field_names(model)}


def said(documents: Iterable[Mapping[str, Any]]) -> set[Setting]:
    """Settings of documents, whose keys have no `chatgpt-mesh:`, as far as what is written tells the model that it is
    of: where several would do, it counts for each."""
    return {setting for document in documents for setting in _said(document, Settings)}


def _said(value: Any, kind: Any) -> Iterator[Setting]:
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
