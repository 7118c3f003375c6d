"""Calls that an MCP endpoint takes without a token, and how much of a call a gateway reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import Many, Spec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")

DISCOVERY = ("initialize", "notifications/initialized", "ping", "server/discover", "tools/list")
"""What a client asks before it calls anything: of the legacy era, and of the modern one."""

BodySize = Annotated[int, Field(ge=1024, le=1048576)]
"""Bytes of a request's body; Envoy holds no more than one MiB of it for a filter."""

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = text_like(
        r"[A-Za-z$][A-Za-z_$./-]*",
        "must be a method of JSON-RPC: letters, '/', '_', '.', '-' and '$', such as tools/list",
        longest=100,
        examples=["tools/list"],
    )


class AnonymousSpec(Spec):
    """Calls that pass without a token, beside others that are challenged. They reach the app without a subject."""

    methods: Many[MethodName] = DISCOVERY
    """Methods of JSON-RPC. Default: what a client asks before it calls a tool. Not tools/call, which would be every
    tool."""
    tools: Many[str] = ()
    """Tools that everybody may call."""

    @property
    def calls(self) -> tuple[str, ...]:
        """As the gateway reads them: a method, or `tools/call` with the tool."""
        return (*self.methods, *(f"tools/call {tool}" for tool in self.tools))


def problems(
    path: str, anonymous: AnonymousSpec, *, guarded: Collection[str], mcp: bool, from_body: bool
) -> Iterator[Problem]:
    """`guarded`: tools that need a scope. `mcp`: the app has an endpoint. `from_body`: that is where calls are read."""
    if not mcp:
        yield Problem(path, "names calls of MCP, and this app has no mcp; let a route say auth: none instead")
    elif not from_body:
        yield Problem(
            path,
            "is decided by what the body calls, which a header could deny; read it there (remove auth.tools_from)",
        )
    if "tools/call" in anonymous.methods:
        yield Problem(
            f"{path}.methods", "has tools/call, which is every tool; name those that everybody may call in tools"
        )
    if not anonymous.methods and not anonymous.tools:
        yield Problem(path, "is empty; name methods or tools, or remove it")
    for index, tool in enumerate(anonymous.tools):
        if not TOOL_NAME.fullmatch(tool):
            yield Problem(f"{path}.tools.{index}", "is no tool name: 1 to 128 letters, digits, '_', '-' and '.'", tool)
        elif tool in guarded:
            yield Problem(f"{path}.tools.{index}", "needs a scope in auth.tools; remove it here or there", tool)
