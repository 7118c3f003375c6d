"""CORS on an MCP route that lacks the headers of MCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping, strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP117",
    WARNING,
    "CORS on an MCP route that lacks the headers of MCP",
    symptoms=("CORS preflight fails", "a browser client cannot keep its MCP session"),
    why="""
A browser sends a request only if every header of it is in `allowHeaders`, and a script reads only what
`exposeHeaders` names. MCP clients send `authorization`, `content-type`, `mcp-protocol-version`, `mcp-session-id`
(until 2025-11-25), `mcp-method` and `mcp-name` (from 2026-07-28) and `last-event-id`, and read `mcp-session-id` and
`www-authenticate`.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - match: [{uri: {exact: /mcp}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    corsPolicy:
      allowOrigins: [{exact: "https://chatgpt.com"}]
      allowMethods: [GET, POST, DELETE, OPTIONS]
      allowHeaders: [authorization, content-type]
    route: [{destination: {host: mcp}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - match: [{uri: {exact: /mcp}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    corsPolicy:
      allowOrigins: [{exact: "https://chatgpt.com"}]
      allowMethods: [GET, POST, DELETE, OPTIONS]
      allowHeaders:
        [authorization, content-type, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, last-event-id]
      exposeHeaders: [mcp-session-id, www-authenticate]
    route: [{destination: {host: mcp}}]
""",
    sources=("https://modelcontextprotocol.io/specification/", "https://fetch.spec.whatwg.org/#http-cors-protocol"),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        policy = mapping(route.raw, "corsPolicy")
        if not policy or not mesh.mcp_path_of(route):
            continue
        for field, wanted in REQUIRED.items():
            given = {name.lower() for name in strings(policy, field)}
            missing = [name for name in wanted if name.lower() not in given]
            if missing and "*" not in given:
                where = (*route.path, "corsPolicy", field)
                yield Hit(route.obj, where, f"lacks {', '.join(missing)}, which MCP clients need", "add them")


REQUIRED = {
    "allowMethods": ("GET", "POST", "DELETE"),
    "allowHeaders": (
        "authorization", "content-type", "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name",
        "last-event-id",
    ),
    "exposeHeaders": ("mcp-session-id", "www-authenticate"),
}  # fmt: skip
