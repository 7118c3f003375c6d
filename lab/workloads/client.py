"""The official MCP SDK client through the gateway, with a trace: `python -m lab.workloads.client`.

It connects as ChatGPT would, over TLS by the app's public name, and says for each step the HTTP status, the
milliseconds, and which version and pod answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

CALLS = 3
"""So many that one pod for all of them is no chance."""
_TIMEOUT_SECONDS = 30.0
_STREAM_TIMEOUT_SECONDS = 600.0


class Era(StrEnum):
    """The two ways in which MCP is spoken: `initialize` and sessions, or one self-contained request per call."""

    LEGACY = "legacy"
    MODERN = "2026-07-28"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP exchange of the client."""

    operation: str
    method: str
    status: int
    milliseconds: float
    version: str
    pod: str
    session: str
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An MCP endpoint and the way to it."""

    url: str
    ca_file: Path | None = None
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    """Host name -> address to connect to instead of resolving the name; TLS still verifies the name."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    auth: httpx2.Auth | None = None


class Addressed(httpx2.AsyncHTTPTransport):
    """Connects to a given address for a name; Host, SNI and verification keep the name."""

    def __init__(self, addresses: Mapping[str, str], verify: ssl.SSLContext | bool) -> None:
        super().__init__(verify=verify)
        self._addresses = addresses

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        address = self._addresses.get(request.url.host)
        if address is not None:
            request = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": request.url.host},
            )
        return await super().handle_async_request(request)


def _operation(request: httpx2.Request) -> str:
    """The JSON-RPC method of a request, or `METHOD /path` where it carries none."""
    try:
        message: Any = json.loads(request.content)
        operation = message["method"]
    except (ValueError, TypeError, KeyError, httpx2.RequestNotRead):
        return f"{request.method} {request.url.path}"
    return f"{operation} {message['params']['name']}" if operation == "tools/call" else str(operation)


@asynccontextmanager
async def http_client(target: Target, exchanges: list[Exchange]) -> AsyncGenerator[httpx2.AsyncClient]:
    """An HTTP client that records each exchange when its headers are there."""
    verify = ssl.create_default_context(cafile=target.ca_file) if target.ca_file else True
    started: dict[int, float] = {}

    async def sent(request: httpx2.Request) -> None:
        started[id(request)] = time.monotonic()

    async def received(response: httpx2.Response) -> None:
        milliseconds = (time.monotonic() - started.pop(id(response.request), time.monotonic())) * 1000
        exchanges.append(
            Exchange(
                operation=_operation(response.request),
                method=response.request.method,
                status=response.status_code,
                milliseconds=milliseconds,
                version=response.headers.get("x-app-version", ""),
                pod=response.headers.get("x-served-by", ""),
                session=response.headers.get("mcp-session-id", ""),
                content_type=response.headers.get("content-type", ""),
            )
        )

    async with httpx2.AsyncClient(
        transport=Addressed(target.addresses, verify),
        headers=dict(target.headers),
        auth=target.auth,
        timeout=httpx2.Timeout(_TIMEOUT_SECONDS, read=_STREAM_TIMEOUT_SECONDS),
        event_hooks={"request": [sent], "response": [received]},
    ) as client:
        yield client


@asynccontextmanager
async def connect(target: Target, era: Era, exchanges: list[Exchange]) -> AsyncGenerator[Client]:
    """A connected SDK client; `exchanges` grows with what it does."""
    async with (
        http_client(target, exchanges) as http,
        Client(streamable_http_client(target.url, http_client=http), mode=era.value) as client,
    ):
        yield client


async def trace(target: Target, era: Era) -> list[Exchange]:
    """Connect, list the tools, call `whoami` a few times, disconnect: in the legacy era all of it is one session."""
    exchanges: list[Exchange] = []
    async with connect(target, era, exchanges) as client:
        await client.list_tools()
        for _ in range(CALLS):
            await client.call_tool("whoami", {})
    return exchanges


def table(exchanges: list[Exchange]) -> str:
    rows = [("operation", "status", "ms", "version", "pod")]
    rows += [(e.operation, str(e.status), f"{e.milliseconds:.0f}", e.version, e.pod) for e in exchanges]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.workloads.client", description=__doc__)
    parser.add_argument("--url", default="https://chatgpt-mcp.example.com/mcp")
    parser.add_argument("--address", help="connect to this address instead of resolving the URL's host")
    parser.add_argument("--ca", type=Path, help="PEM file of the CA to trust; the system's CAs if not given")
    parser.add_argument("--token-file", type=Path, help="file with the access token; - reads standard input")
    parser.add_argument("--era", choices=[*Era, "both"], default="both")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    arguments = parser.parse_args()
    headers = {name.strip(): value.strip() for name, _, value in (text.partition(":") for text in arguments.header)}
    if arguments.token_file:
        source = sys.stdin.read() if str(arguments.token_file) == "-" else arguments.token_file.read_text()
        headers["authorization"] = f"Bearer {source.strip()}"
    host = httpx2.URL(arguments.url).host
    target = Target(
        url=arguments.url,
        ca_file=arguments.ca,
        addresses={host: arguments.address} if arguments.address else {},
        headers=headers,
    )
    eras = list(Era) if arguments.era == "both" else [Era(arguments.era)]
    for era in eras:
        print(f"MCP, {era.value} era:")
        try:
            print(table(asyncio.run(trace(target, era))))
        except Exception as error:  # whatever stops the client is what the reader has to see
            print(f"  {_innermost(error)}")
            return 1
    return 0


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
