"""One MCP endpoint for two MCP servers and a REST API, whose tools are prefixed: `python joined.py`.

For fastmcp 4.2 (requirements.txt). Port 8080 serves `/mcp`, and `/health` for the kubelet. JOINED_SERVERS
(`PREFIX=URL`, separated by blanks), REST_PREFIX, REST_URL and REST_OPENAPI (a file) say what is behind.
"""

# In an environment of its own; the product does not need it.
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
from fastmcp import FastMCP  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
from fastmcp.client.transports import StreamableHttpTransport  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
from fastmcp.exceptions import NotFoundError  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
from fastmcp.server import create_proxy  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
from fastmcp.server.middleware import Middleware  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
from starlette.responses import PlainTextResponse

PASSED_ON = frozenset({"x-mcp-sub", "x-request-id", "traceparent", "tracestate"})
"""Headers of a client's request that the servers behind see: who the user is, as the gateway verified it, and traces.
Not the token: it was issued for this endpoint, and whoever has it may act as the user here."""
CONNECT_SECONDS, LIST_SECONDS, LONGEST_CALL_SECONDS = 5.0, 10.0, 600.0


def only_what_is_passed_on(
    headers: dict[str, str] | None = None, auth: httpx2.Auth | None = None, **_: Any
) -> httpx2.AsyncClient:
    """The client for one call of a server behind."""
    kept = {name: value for name, value in (headers or {}).items() if name.lower() in PASSED_ON}
    return httpx2.AsyncClient(
        headers=kept, auth=auth, timeout=httpx2.Timeout(LONGEST_CALL_SECONDS, connect=CONNECT_SECONDS)
    )


async def keep_what_is_passed_on(request: httpx2.Request) -> None:
    """FastMCP copies the client's headers onto requests of the REST API, all but Authorization and cookies."""
    own = {"host", "content-type", "content-length", "accept", "transfer-encoding"}
    for name in [name for name in request.headers if name.lower() not in PASSED_ON | own]:
        del request.headers[name]


class OnlyPrefixedNames(Middleware):  # pyright: ignore[reportUntypedBaseClass]
    """The gateway's rules go by a tool's name, so a tool must have one. FastMCP answers to a second one, `__HASH_NAME`,
    for tools of a FastMCPApp behind."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefixes = prefixes

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        if not context.message.name.startswith(self._prefixes):
            raise NotFoundError(f"Unknown tool: {context.message.name!r}")
        return await call_next(context)


class ListsInTime(Middleware):  # pyright: ignore[reportUntypedBaseClass]
    """A server behind that takes connections and says nothing is left out of a list, and the others are in it."""

    async def on_list_tools(self, context: Any, call_next: Any) -> Any:
        with anyio.fail_after(LIST_SECONDS):
            return await call_next(context)

    on_list_resources = on_list_resource_templates = on_list_prompts = on_list_tools


async def healthy(_: object) -> PlainTextResponse:
    return PlainTextResponse("ok\n")


def joined(servers: dict[str, str], rest_prefix: str, rest_url: str, openapi: dict[str, Any]) -> Any:
    """`servers`: URL by prefix. A tool's name is PREFIX_NAME."""
    server = cast("Any", FastMCP("joined"))
    prefixes = tuple(f"{name}_" for name in (*servers, rest_prefix))
    server.add_middleware(OnlyPrefixedNames(prefixes))
    for prefix, url in servers.items():
        transport = cast("Any", StreamableHttpTransport(url, httpx_client_factory=only_what_is_passed_on))
        server.mount(create_proxy(transport, middleware=[ListsInTime()]), namespace=prefix)
    client = httpx2.AsyncClient(base_url=rest_url, event_hooks={"request": [keep_what_is_passed_on]})
    server.mount(cast("Any", FastMCP).from_openapi(openapi, client), namespace=rest_prefix)
    server.custom_route("/health", methods=["GET"])(healthy)
    return server


if __name__ == "__main__":
    behind = dict(one.split("=", 1) for one in os.environ["JOINED_SERVERS"].split())
    document = json.loads(Path(os.environ["REST_OPENAPI"]).read_text(encoding="utf-8"))
    program = joined(behind, os.environ["REST_PREFIX"], os.environ["REST_URL"], document)
    program.run(transport="http", host="0.0.0.0", port=int(os.environ.get("PORT", "8080")), show_banner=False)  # noqa: S104
