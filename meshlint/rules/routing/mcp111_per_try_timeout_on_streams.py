"""A perTryTimeout on a route that carries MCP calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP111",
    WARNING,
    "A perTryTimeout on a route that carries MCP calls",
    symptoms=("a tool call runs several times", "ChatGPT says the tool timed out"),
    why="""
`perTryTimeout` gives up on a try whose headers have not come: a tool that thinks for longer before it answers is
abandoned while it still works, and asked again where retries allow it.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - match: [{uri: {exact: /mcp}}]
    retries: {attempts: 2, perTryTimeout: 10s, retryOn: "connect-failure,refused-stream"}
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
    route: [{destination: {host: mcp}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        per_try = text(route.raw, "retries", "perTryTimeout")
        path = mesh.mcp_path_of(route) if per_try else ""
        if path and not route.is_taken_before(path):
            where = (*route.path, "retries", "perTryTimeout")
            problem = f"is {per_try}, after which a call to {path} is abandoned while the tool still works"
            yield Hit(
                route.obj, where, problem, "remove it (connectTimeout in the DestinationRule guards the connection)"
            )
