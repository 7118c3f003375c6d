"""CORS on an MCP route that lacks the headers of MCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping, strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.fields import Json
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@rule(
    "MCP117",
    WARNING,
    "CORS on an MCP route that lacks the headers of MCP",
    symptoms=("CORS preflight fails", "a browser client cannot keep its MCP session"),
    why="""
A browser sends a request only if every header of it is in `allowHeaders`, and a script reads only what
`exposeHeaders` names. MCP clients send `authorization`, `content-type`, `mcp-protocol-version`, `mcp-session-id`
(until 2025-11-25), `mcp-method` and `mcp-name` (from 2026-07-28) and `last-event-id`, and read `mcp-session-id` and
`www-authenticate`. A server of one era needs those of its era alone: one that takes nothing but POST is of the newer
one, and a list that names headers of one era only is read as that era's.
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
        path = mesh.mcp_path_of(route) if policy else ""
        if not path:
            continue
        for field, wanted in _required(policy, _forwarded(route, path)).items():
            given = {name.lower() for name in strings(policy, field)}
            missing = [name for name in wanted if name.lower() not in given]
            if missing and "*" not in given:
                where = (*route.path, "corsPolicy", field)
                yield Hit(route.obj, where, f"lacks {', '.join(missing)}, which MCP clients need", "add them")


ALWAYS = ("authorization", "content-type", "mcp-protocol-version")
LEGACY = ("mcp-session-id", "last-event-id")
MODERN = ("mcp-method", "mcp-name")
METHODS = ("GET", "POST", "DELETE")


def _forwarded(route: HttpRoute, path: str) -> tuple[str, ...]:
    """The methods that the VirtualService forwards for the path."""
    taken: set[str] = set()
    for other in route.owner.http:
        if (other.destinations or "delegate" in other.raw) and not other.is_taken_before(path):
            taken |= other.methods(path)
    return tuple(name for name in METHODS if name in taken)


def _required(policy: Json, methods: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    given = {name.lower() for name in strings(policy, "allowHeaders")}
    legacy, modern = not given.isdisjoint(LEGACY), not given.isdisjoint(MODERN)
    if methods == ("POST",):
        legacy, modern = False, True
    elif not legacy and not modern:
        legacy = modern = True
    return {
        "allowMethods": methods,
        "allowHeaders": (*ALWAYS, *(LEGACY if legacy else ()), *(MODERN if modern else ())),
        "exposeHeaders": (*(("mcp-session-id",) if legacy else ()), "www-authenticate"),
    }
