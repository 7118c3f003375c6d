"""The sample MCP server: `python -m lab.workloads.mcp_server`.

Port 8080 (or APP_PORT) serves `/mcp` (or MCP_PATH; streamable HTTP, both protocol eras), `/health` and `/api/v1/...`;
port 9090 serves `/metrics`; 127.0.0.1:9092 serves the recorder. The environment says who it is (APP_NAME, APP_VERSION,
POD_NAME, POD_NAMESPACE) and whether `initialize` opens a session, as servers of the official SDK do (MCP_SESSIONS:
`stateful`, the default, or `none`).
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from lab.workloads.caller import CONTROL_PORT
from lab.workloads.mcp_tools import build_server
from lab.workloads.recorded import Identity, Recorded
from lab.workloads.recorder import Recorder, control_app, metrics_app

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from mcp.server.mcpserver import MCPServer
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METRICS_PORT = 9090
_DRAIN_SECONDS = 30

# The edge checks Host and Origin for the whole app; in the mesh the server is also called by its Service's name.
_CHECKED_AT_THE_EDGE = TransportSecuritySettings(enable_dns_rebinding_protection=False)


@dataclass(frozen=True, slots=True)
class McpEndpoint:
    """`/mcp` in both eras: requests of a session go to the server that opened it, all others need no state.

    A session of another pod gets 404. A legacy request that says nothing of a session, which a server of the official
    SDK refuses, is served without state: most tests ask one question and need none.
    """

    stateless: MCPServer
    stateful: MCPServer | None

    @classmethod
    def build(cls, identity: Identity, recorder: Recorder, *, sessions: bool) -> McpEndpoint:
        def server(*, stateless: bool) -> MCPServer:
            server = build_server(identity, recorder)
            server.streamable_http_app(stateless_http=stateless, transport_security=_CHECKED_AT_THE_EDGE)
            return server

        return cls(stateless=server(stateless=True), stateful=server(stateless=False) if sessions else None)

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[None]:
        async with self.stateless.session_manager.run():
            if self.stateful is None:
                yield
            else:
                async with self.stateful.session_manager.run():
                    yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = self.stateless
        if self.stateful is not None:
            if b"mcp-session-id" in dict(scope["headers"]):
                server = self.stateful
            elif scope["method"] == "POST":
                body, receive = await _read_ahead(receive)
                if _opens_session(body):
                    server = self.stateful
        await server.session_manager.handle_request(scope, receive, send)


async def _read_ahead(receive: Receive) -> tuple[bytes, Receive]:
    """The whole body, and a `receive` that gives it once more."""
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(chunks)
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return body, again


def _opens_session(body: bytes) -> bool:
    try:
        message: Any = json.loads(body)
    except ValueError:
        return False
    return isinstance(message, dict) and cast("dict[str, Any]", message).get("method") == "initialize"


def build_app(identity: Identity, recorder: Recorder, *, sessions: bool) -> ASGIApp:
    endpoint = McpEndpoint.build(identity, recorder, sessions=sessions)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with endpoint.run():
            yield

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def api(request: Request) -> Response:
        return JSONResponse(
            {
                "app": identity.app,
                "version": identity.version,
                "pod": identity.pod,
                "namespace": identity.namespace,
                "path": request.url.path,
                "method": request.method,
            }
        )

    routes = [
        Route("/health", health),
        Route(os.environ.get("MCP_PATH", "/mcp"), endpoint=endpoint, methods=None),
        Mount("/api/v1", routes=[Route("/{rest:path}", api, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]),
    ]
    return Recorded(Starlette(routes=routes, lifespan=lifespan), identity, recorder)


async def serve(identity: Identity, *, sessions: bool) -> None:
    recorder = Recorder()
    port = int(os.environ.get("APP_PORT", "8080"))
    servers = [
        uvicorn.Server(_config(build_app(identity, recorder, sessions=sessions), "0.0.0.0", port)),  # noqa: S104
        uvicorn.Server(_config(metrics_app(recorder), "0.0.0.0", METRICS_PORT)),  # noqa: S104
        uvicorn.Server(_config(control_app(recorder), "127.0.0.1", CONTROL_PORT)),
    ]
    await asyncio.gather(*(server.serve() for server in servers))


def _config(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        lifespan="auto",
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        timeout_keep_alive=int(os.environ.get("APP_KEEP_ALIVE", "5")),
    )


def main() -> None:
    sessions = os.environ.get("MCP_SESSIONS", "stateful")
    if sessions not in {"none", "stateful"}:
        raise SystemExit(f"MCP_SESSIONS: none or stateful, not {sessions!r}")
    asyncio.run(serve(Identity.from_environment(), sessions=sessions == "stateful"))


if __name__ == "__main__":
    main()
