"""`python fastmcp_client.py URL TOOL`: fastmcp's client, with its own login through the browser."""

import asyncio
import json
import sys

# In an environment of its own, beside this file.
from fastmcp import Client  # pyright: ignore[reportMissingImports]


async def main(url: str, tool: str) -> None:
    async with Client(url, auth="oauth") as client:
        result = await client.call_tool(tool, {})
    print(json.dumps({"structuredContent": result.structured_content}))


asyncio.run(main(*sys.argv[1:]))
