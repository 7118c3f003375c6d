"""What a rule must know and no manifest says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where the objects will live."""

    production: bool = True
    """Faults, full trace sampling and the like are errors in production only."""

    whole_mesh: bool = False
    """Whether the objects are all that the mesh has: then what is not among them does not exist."""

    mcp_paths: tuple[str, ...] = ("/mcp",)
    """The exact paths at which MCP servers of this mesh listen."""

    mcp_servers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Each MCP server's hosts to its path, where somebody has declared them; then names and routes are not asked."""

    longest_call_seconds: float | None = None
    """The longest call that any app declares; None where nobody has said."""

    trust_domain: str = "cluster.local"
    """Used unless a MeshConfig among the objects sets `trustDomain`."""

    root_namespace: str = "istio-system"
    """Used unless a MeshConfig among the objects sets `rootNamespace`."""

    ask_jwks_uris: bool = False
    """Whether rules may ask a `jwksUri` over the network."""
