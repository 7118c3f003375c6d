"""The MCP server's tools, on the official SDK."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import httpx2
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from lab.workloads.trace_headers import handed_on

if TYPE_CHECKING:
    from lab.workloads.recorded import Identity
    from lab.workloads.recorder import Recorder

CallId = Annotated[str, Field(description="The caller's own name for this call; the pod counts its runs by it.")]
_LONGEST_STREAM_SECONDS = 600.0
_API_TIMEOUT_SECONDS = 10.0


class WhoAmI(BaseModel):
    """The pod, version and session that answered, and the subject that the edge passed on."""

    app: str
    version: str
    pod: str
    namespace: str
    greeting: str
    session: str | None
    protocol_version: str | None
    subject: str | None


class Streamed(BaseModel):
    events: int
    version: str
    pod: str


class Rows(BaseModel):
    columns: list[str]
    rows: list[list[Any]]
    version: str
    pod: str


@dataclass(frozen=True, slots=True)
class Tools:
    """Each tool reports `identity` and counts its runs in `recorder`."""

    identity: Identity
    recorder: Recorder

    async def whoami(self, ctx: Context, call_id: CallId = "") -> WhoAmI:
        """Say which pod, version and session answers."""
        self.recorder.executed("whoami", call_id)
        headers = ctx.headers or {}
        return WhoAmI(
            app=self.identity.app,
            version=self.identity.version,
            pod=self.identity.pod,
            namespace=self.identity.namespace,
            greeting=f"Hello from {self.identity.version}",
            session=headers.get("mcp-session-id"),
            protocol_version=ctx.protocol_version,
            subject=headers.get("x-mcp-sub"),
        )

    async def stream(
        self,
        ctx: Context,
        seconds: Annotated[float, Field(gt=0, le=_LONGEST_STREAM_SECONDS)],
        interval: Annotated[float, Field(ge=0.01)] = 1.0,
        call_id: CallId = "",
    ) -> Streamed:
        """Report progress every `interval` seconds for `seconds`; a message is the server's clock when it was sent."""
        self.recorder.executed("stream", call_id)
        started, events = time.monotonic(), 0
        while (elapsed := time.monotonic() - started) < seconds:
            events += 1
            await ctx.report_progress(elapsed, seconds, f"{time.time():.6f}")
            await anyio.sleep(max(0.0, started + events * interval - time.monotonic()))
        return Streamed(events=events, version=self.identity.version, pod=self.identity.pod)

    async def ask_api(self, ctx: Context, call_id: CallId = "") -> dict[str, Any]:
        """Ask the JSON API (API_URL) for its orders, as an app that calls another; the mesh has to allow it."""
        self.recorder.executed("ask_api", call_id)
        url = f"{os.environ.get('API_URL', 'http://chatgpt-api:8080')}/api/v1/orders"
        try:
            async with httpx2.AsyncClient(timeout=_API_TIMEOUT_SECONDS) as client:
                answer = await client.get(url, headers=handed_on(ctx.headers or {}))
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            raise ToolError(f"{url}: {error}") from error
        return answer.json()

    async def fail(self, reason: str = "asked to", call_id: CallId = "") -> str:
        """Fail, as a tool does: the call is answered and the result is an error."""
        self.recorder.executed("fail", call_id)
        raise ToolError(f"{self.identity.version} failed: {reason}")

    async def execute_sql(self, statement: str, call_id: CallId = "") -> Rows:
        """Run one SQL statement on a small database that lives as long as the call; guarded by scope at the edge."""
        self.recorder.executed("execute_sql", call_id)
        try:
            with closing(_orders()) as database:
                cursor = database.execute(statement)
                columns = [column[0] for column in cursor.description or ()]
                rows = [list(row) for row in cursor.fetchmany(100)]
        except sqlite3.Error as error:
            raise ToolError(f"SQL: {error}") from error
        return Rows(columns=columns, rows=rows, version=self.identity.version, pod=self.identity.pod)

    async def word_count(self, text: str, call_id: CallId = "") -> int:
        """Count the words of a text. New after v1, so that tools/list tells the versions apart."""
        self.recorder.executed("word_count", call_id)
        return len(text.split())


def build_server(identity: Identity, recorder: Recorder) -> MCPServer:
    server = MCPServer("chatgpt-mcp", version=identity.version, log_level="WARNING")
    tools = Tools(identity, recorder)
    for tool in (tools.whoami, tools.stream, tools.ask_api, tools.fail, tools.execute_sql):
        server.add_tool(tool)
    if identity.version != "v1":
        server.add_tool(tools.word_count)
    return server


def _orders() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.executescript(
        "create table orders (id integer primary key, item text, cents integer);"
        "insert into orders (item, cents) values ('keyboard', 4900), ('monitor', 21900), ('desk', 34900);"
    )
    return database
