"""YAML inside an object, as ConfigMaps carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from meshlint.yaml_document import UnreadableError, values

if TYPE_CHECKING:
    from meshlint.view.fields import Json


def yaml_mapping(document: str) -> Json:
    """The mapping that the text holds; empty if it holds something else, or is no YAML."""
    try:
        found, _ = values(document.encode(errors="replace"))
    except UnreadableError:
        return {}
    return cast("Json", found[0]) if found and isinstance(found[0], dict) else {}
