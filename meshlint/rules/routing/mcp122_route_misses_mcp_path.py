"""Routes that match below the MCP path and miss it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import mapping, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@rule(
    "MCP122",
    ERROR,
    "Routes that match below the MCP path and miss it",
    symptoms=("ChatGPT says 404", "ChatGPT cannot connect", "canary gets no traffic"),
    why="""
MCP's endpoint is one exact path: every call is `POST /mcp`. The prefix `/mcp/` takes only what is below it, so the
endpoint itself falls to another route, or to none.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tools, namespace: chat}
spec:
  hosts: [tools]
  http:
  - match: [{uri: {prefix: /mcp/}}]
    route: [{destination: {host: tools}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tools, namespace: chat}
spec:
  hosts: [tools]
  http:
  - match: [{uri: {exact: /mcp}}]
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: tools}}]
""",
    sources=("https://modelcontextprotocol.io/specification/",),
)
def check(mesh: MeshView) -> Hits:
    for service in mesh.virtual_services:
        for path in mesh.environment.mcp_paths:
            if any(route.matches and route.takes_path(path) and _names_uri(route) for route in service.http):
                continue
            for route in service.http:
                for position, match in enumerate(route.matches):
                    prefix = text(match, "uri", "prefix")
                    if prefix.startswith(f"{path}/"):
                        where = (*route.path, "match", position, "uri", "prefix")
                        problem = f"is {prefix!r}, which takes what is below {path} and not {path} itself"
                        yield Hit(route.obj, where, problem, f"write uri: {{exact: {path}}}")


def _names_uri(route: HttpRoute) -> bool:
    return any(mapping(match, "uri") for match in route.matches)
