"""Texts that a stack keeps secret, on their way into resources.

A component is told how to mark them and does not know where they come from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Sealing = Callable[[Any], Any]
"""An input, with every text that must not be shown in a state or a preview marked as secret for Pulumi."""


def nothing_secret(value: Any) -> Any:
    """The sealing of a program that has no secret texts."""
    return value
