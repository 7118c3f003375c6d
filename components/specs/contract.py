"""The version of the outputs that a stack exports and other stacks read (`components.outputs`)."""

from __future__ import annotations

from typing import Literal

SCHEMA_VERSION: Literal[1] = 1
"""Raised when a key is removed or changes its meaning; a new key does not raise it."""
