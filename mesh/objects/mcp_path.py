"""The path of an MCP endpoint as routes match it: one spelling, or two of one endpoint (`mcp.trailing_slash`).

Both spellings are one match of the same routes, so no rule can hold for one of them alone; and the app sees the
declared one, so its policies and its own router have one path to know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPRewrite
from chatgpt_mesh.mesh.objects.matches import exact, regex

if TYPE_CHECKING:
    from chatgpt_mesh.istio_api.networking import StringMatch
    from chatgpt_mesh.mesh.specs.mcp import McpSpec


def path_pattern(mcp: McpSpec) -> str:
    """A regular expression for the path, without what follows a '?'."""
    return re.escape(mcp.path) if len(mcp.spellings) == 1 else f"{re.escape(mcp.path.rstrip('/'))}/?"


def endpoint_uri(mcp: McpSpec) -> StringMatch:
    return exact(mcp.path) if len(mcp.spellings) == 1 else regex(path_pattern(mcp))


def as_declared(mcp: McpSpec) -> HTTPRewrite | None:
    """The spelling that the app knows; beside an expression Istio replaces the whole path and keeps the query."""
    return None if len(mcp.spellings) == 1 else HTTPRewrite(uri=mcp.path)
