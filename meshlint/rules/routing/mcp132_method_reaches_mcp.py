"""A route to an MCP server that takes methods MCP does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import Json, mapping, text
from meshlint.view.routing import match_takes_path
from meshlint.view.strings import METHODS, matches, methods_of

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP132",
    WARNING,
    "A route to an MCP server that takes methods MCP does not have",
    symptoms=("unwanted methods reach the app",),
    why="""
MCP knows POST, and in its older era GET and DELETE; OPTIONS belongs to the preflight. Everything else has no business
at the server: answer 405 at the gateway. Measured: PUT, TRACE and `OPTIONS` without a preflight header crossed the
gateway.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {exact: /mcp}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {exact: /mcp}, method: {regex: "GET|POST|DELETE"}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: mcp}}]
  - match: [{uri: {exact: /mcp}}]
    directResponse: {status: 405}
    headers: {response: {set: {allow: "GET, POST, DELETE"}}}
""",
    sources=("https://modelcontextprotocol.io/specification/",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        path = mesh.mcp_path_of(route) if route.on_gateway else ""
        if not path:
            continue
        for position, match in enumerate(route.matches):
            if not mapping(match, "uri") or not match_takes_path(match, path):
                continue
            extra = sorted(methods_of(match) - ALLOWED)
            where = (*route.path, "match", position, "method")
            if extra:
                problem = f"lets {', '.join(extra)} of {path} through to the MCP server"
                yield Hit(
                    route.obj, where, problem, 'match method {regex: "GET|POST|DELETE"} and answer 405 to the rest'
                )
            elif "OPTIONS" in methods_of(match) and not _only_preflights(match):
                problem = f"lets OPTIONS of {path} through that are no preflights of an allowed origin"
                mend = "match OPTIONS apart, with headers origin (exact) and access-control-request-method"
                yield Hit(route.obj, where, problem, mend)


def _only_preflights(match: Json) -> bool:
    """Whether the match asks for an origin by name, and for a method that the browser wants to use."""
    headers = {name.lower(): inner for name, inner in mapping(match, "headers").items()}
    if not mapping(match, "headers"):
        return False
    wanted = mapping(headers, "access-control-request-method")
    named = "access-control-request-method" in headers and any(matches(wanted, name) for name in METHODS)
    return named and any(text(headers, "origin", kind) for kind in ("exact", "regex", "prefix"))


ALLOWED = frozenset({"GET", "POST", "DELETE", "OPTIONS"})
