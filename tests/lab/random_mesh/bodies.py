"""Bodies of requests: messages of MCP that call what a declaration speaks of, and some that nobody can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.auth import AuthSpec

PING = "ping"
UNREADABLE = ""
_TOOLS = "tools/call "


def has_body(method: str) -> bool:
    return method in ("POST", "PUT", "PATCH")


def calls(auth: AuthSpec | None) -> list[str]:
    """What a message to an app may call, as `meshlint.reachability.request.Request.call` writes it."""
    tools = [*(auth.tools if auth else ()), "whoami"]
    methods = [PING, "tools/list"]
    if auth and auth.anonymous:
        tools += auth.anonymous.tools
        methods += auth.anonymous.methods
    return [*methods, *(f"{_TOOLS}{tool}" for tool in tools), UNREADABLE]


def body(method: str, call: str) -> str | None:
    """The body of a request that calls it; None for methods that carry none."""
    if not has_body(method):
        return None
    message: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": call.partition(" ")[0]}
    if call.startswith(_TOOLS):
        message["params"] = {"name": call.removeprefix(_TOOLS), "arguments": {}}
    # A batch: it may call several things, and no reader of calls takes it.
    return json.dumps(message if call != UNREADABLE else [{**message, "method": PING}])
