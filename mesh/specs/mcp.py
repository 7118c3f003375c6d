"""What the two eras of the Model Context Protocol put on the wire.

Up to 2025-11-25 (`legacy`) one endpoint takes POST, GET (server-sent events) and DELETE, with sessions. Since
2026-07-28 (`modern`) there is POST alone, no session, and every request names its method and its tool in headers.
Source: https://modelcontextprotocol.io/specification
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from pydantic import model_validator

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import refuse
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpPath, Spec
from chatgpt_mesh.mesh.specs.words import ToolName

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
    trailing_slash: Literal["refuse", "same"] = "refuse"
    """What the path with one '/' more at its end (or less, where it has one) is. refuse: no path at all, 404: servers
    disagree whether it is another one, so a rule for one could be walked around by the other. same: the same endpoint,
    with every rule of it; the app sees `path`, and the resource URI is the one without the '/'."""
    era: Era = "both"
    """legacy: up to 2025-11-25. modern: since 2026-07-28. both: a server that answers either."""
    stateless: bool = False
    """The server keeps nothing between two requests, so that any pod may answer each. Otherwise a session (legacy era)
    stays with the pod and the version where it began."""
    joins: dict[ToolName, DnsLabel] = {}
    """Apps whose tools this one offers under a prefix, by the prefix with whatever is between it and the tool's name:
    `{orders_: orders}` where `orders_search` is the tool `search` of apps.orders. Its pods do the joining. Declared
    here, a rule of theirs that this endpoint lacks is a mistake, since it would be a way around it."""

    @model_validator(mode="before")
    @classmethod
    def _sessions_are_kept(cls, value: object) -> object:
        if isinstance(value, dict) and "sessions" in value:
            raise refuse(
                "has `sessions`, which is no setting any more: a session stays with the pod where it began; remove it, "
                "or write `stateless: true` for a server that keeps none"
            )
        return cast("object", value)

    @property
    def spellings(self) -> tuple[str, ...]:
        """The paths by which clients may ask for it, the declared one first."""
        bare = self.path.rstrip("/")
        both = (bare, f"{bare}/") if self.trailing_slash == "same" else ()
        return tuple(dict.fromkeys([self.path, *both]))

    @property
    def resource_path(self) -> str:
        """The path of the resource URI."""
        return self.path.rstrip("/") if self.trailing_slash == "same" else self.path

    @property
    def keeps_sessions(self) -> bool:
        """Whether a request may belong to a session; the modern era has none."""
        return not self.stateless and self.era != "modern"

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


def problems(path: str, mcp: McpSpec, *, flagger: bool) -> Iterator[Problem]:
    """`flagger`: that controller makes the app's routes."""
    if mcp.trailing_slash == "refuse":
        return
    if mcp.path == "/":
        yield Problem(f"{path}.trailing_slash", "has no other spelling to take in, since the path is '/'; remove it")
    elif flagger:
        yield Problem(
            f"{path}.trailing_slash",
            "is decided by routes, and flagger makes them for this host; let the app serve both paths, and remove it",
        )
