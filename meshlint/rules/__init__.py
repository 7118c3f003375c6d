"""The rules, one module each, by topic."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from meshlint.rule import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshlint.rule import Rule

_loaded = False


def load() -> Mapping[str, Rule]:
    """Every rule by code, in the order of codes."""
    global _loaded
    if not _loaded:
        for topic in pkgutil.iter_modules([str(Path(__file__).parent)]):
            directory = Path(__file__).parent / topic.name
            for module in sorted(pkgutil.iter_modules([str(directory)]), key=lambda module: module.name):
                importlib.import_module(f"meshlint.rules.{topic.name}.{module.name}")
        ordered = dict(sorted(RULES.items()))
        RULES.clear()
        RULES.update(ordered)
        _loaded = True
    return RULES
