"""What the two eras of the Model Context Protocol put on the wire.

Up to 2025-11-25 (`legacy`) one endpoint takes POST, GET (server-sent events) and DELETE, with sessions. Since
2026-07-28 (`modern`) there is POST alone, no session, and every request names its method and its tool in headers.
Source: https://modelcontextprotocol.io/specification
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import HttpPath, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

Era = Literal["legacy", "modern", "both"]


MODERN_VERSIONS = ("2026-07-28",)
"""Protocol versions whose requests carry `mcp-method` and, for calls, `mcp-name`."""


PROTOCOL_HEADERS = ("authorization", "content-type", "mcp-protocol-version")


LEGACY_HEADERS = ("mcp-session-id", "last-event-id")


MODERN_HEADERS = ("mcp-method", "mcp-name")


class McpSpec(Spec):
    """The app's MCP endpoint."""

    path: HttpPath = "/mcp"
    """The exact path of the endpoint. Nothing below it is routed."""
    era: Era = "both"
    """legacy: up to 2025-11-25. modern: since 2026-07-28. both: a server that answers either."""
    sessions: Literal["none", "envelope"] = "none"
    """none: any replica answers any request. envelope: the session id carries the replica that minted it, so that
    follow-ups reach it."""

    @property
    def methods(self) -> tuple[str, ...]:
        return ("POST",) if self.era == "modern" else ("GET", "POST", "DELETE")

    @property
    def request_headers(self) -> tuple[str, ...]:
        """Headers that a browser client must be allowed to send."""
        legacy = LEGACY_HEADERS if self.era != "modern" else ()
        modern = MODERN_HEADERS if self.era != "legacy" else ()
        return (*PROTOCOL_HEADERS, *modern, *legacy)

    @property
    def response_headers(self) -> tuple[str, ...]:
        """Headers that a browser client must be able to read."""
        return ("www-authenticate",) if self.era == "modern" else ("mcp-session-id", "www-authenticate")


def problems(path: str, mcp: McpSpec) -> Iterator[Problem]:
    """What the proxy that ships cannot do."""
    if mcp.sessions == "envelope":
        yield Problem(
            f"{path}.sessions",
            "needs an extension of Envoy (envoy.http.stateful_session.envelope) that Istio's proxy is built without "
            "and would refuse; use none, with a server that keeps no sessions or has one replica",
            mcp.sessions,
        )
