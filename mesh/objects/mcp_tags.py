"""Two tags of the standard metrics that an MCP gateway needs and a client cannot widen: why a request was refused, and
which of the declared tools was called.

A refusal is known by its status and by the name of the route that gave it (`mesh.objects.auth`). A tool is named by the
header `mcp-name` (since 2026-07-28), or was read from the body by the gateway (`mesh.objects.auth.calls`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.objects.auth.calls import FILTER, KEY
from chatgpt_mesh.mesh.objects.cel import header_value, quote
from chatgpt_mesh.mesh.specs.telemetry import named_tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.telemetry import MetricsSpec

REFUSAL, TOOL = "refusal", "mcp_tool"

REFUSALS = (
    "none",
    "no_token",
    "wrong_token",
    "token_not_verified",
    "missing_scope",
    "policy",
    "limit",
    "too_large",
    "other",
)
"""Every value of the tag `refusal`. wrong_token: of another issuer or audience, or without an expiry;
token_not_verified: its signature or its dates; policy: a denied subject, a foreign origin, a caller that is not
declared."""

_SCOPE_ROUTES = "[.](scope|tool|tool-[0-9]+|older-protocol)$"
"""Ends of the names of routes that ask for a scope: `mesh.objects.auth.tool_rules`, `mesh.objects.host_routes`."""


def tags(spec: MetricsSpec, apps: Mapping[str, AppSpec]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """(name, expression, metrics) of each tag that is asked for."""
    if spec.refusals:
        yield REFUSAL, _refusal(), ("REQUEST_COUNT",)
    if spec.tools:
        yield TOOL, _tool(named_tools(apps)), ("REQUEST_COUNT", "REQUEST_DURATION")


def _refusal() -> str:
    def route(condition: str) -> str:
        # A request that is refused before it is routed has no route to ask.
        return f"has(xds.route_name) && xds.route_name.{condition}"

    without, wrong = route("endsWith('.no-token')"), route("endsWith('.invalid-token')")
    challenged = f"{without} ? 'no_token' : {wrong} ? 'wrong_token' : 'token_not_verified'"
    denied = route(f"matches({quote(_SCOPE_ROUTES)})") + " ? 'missing_scope' : 'policy'"
    return (
        "!has(response.code) || response.code < 400 ? 'none' : "
        f"response.code == 401 ? ({challenged}) : response.code == 403 ? ({denied}) : "
        "response.code == 429 ? 'limit' : response.code == 413 ? 'too_large' : 'other'"
    )


def _tool(tools: Sequence[str]) -> str:
    if not tools:
        return "'mcp-name' in request.headers ? 'other' : 'none'"
    call = f"metadata.filter_metadata[{quote(FILTER)}][{quote(KEY)}]"
    entries = (f"{quote('tools/call ' + tool)}: {quote(tool)}" for tool in tools)
    names = "{" + ", ".join(entries) + "}"
    read = f"{call} in {names} ? {names}[{call}] : 'other'"
    unnamed = f"{quote(FILTER)} in metadata.filter_metadata ? ({read}) : 'none'"
    named = header_value("mcp-name", tools, absent="", other="other").removesuffix(" : ''")
    return f"{named} : {unnamed}"
