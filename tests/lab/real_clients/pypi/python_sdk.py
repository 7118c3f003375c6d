"""`python python_sdk.py URL TOOL MODE`: the Python SDK; MODE is `legacy` or a version of the modern era."""

import asyncio
import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl


class Storage:
    """Where a program keeps its tokens: here for as long as it runs."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def main(url: str, tool: str, mode: str) -> None:
    answered: asyncio.Future[AuthorizationCodeResult] = asyncio.get_running_loop().create_future()

    async def callback(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readline()).decode().split()[1]
        query = parse_qs(urlsplit(target).query)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        answered.set_result(AuthorizationCodeResult(code=query["code"][0], state=query.get("state", [None])[0]))

    async def open_browser(address: str) -> None:
        await asyncio.create_subprocess_exec(os.environ["BROWSER"], address)

    async def wait_for_answer() -> AuthorizationCodeResult:
        return await answered

    server = await asyncio.start_server(callback, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    metadata = OAuthClientMetadata(client_name="python", redirect_uris=[AnyUrl(f"http://127.0.0.1:{port}/callback")])
    login = OAuthClientProvider(url, metadata, Storage(), open_browser, wait_for_answer)
    async with (
        server,
        httpx2.AsyncClient(auth=login) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        result = await client.call_tool(tool, {})
    print(json.dumps({"structuredContent": result.structured_content}))


asyncio.run(main(*sys.argv[1:]))
