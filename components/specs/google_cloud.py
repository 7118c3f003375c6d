"""Where a cluster of Google's is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatgpt_mesh.components.specs.network import NetworkSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleCloud:
    """A project and a network in it."""

    project: str
    """Id."""
    project_number: str | None
    """Its number, by which Google names identities."""
    network: NetworkSpec
