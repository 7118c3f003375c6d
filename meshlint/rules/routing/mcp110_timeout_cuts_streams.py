"""A timeout on a route that carries MCP streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP110",
    ERROR,
    "A timeout on a route that carries MCP streams",
    symptoms=("a stream ends without a result", "ChatGPT says the tool timed out"),
    why="""
A route's `timeout` ends the whole response, not a silence in it: a tool call that streams events for longer is cut at
that second without a result. Leave it out (no timeout is the default; `0s` is refused), and let the client decide.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - match: [{uri: {exact: /mcp}}]
    timeout: 30s
    retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
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
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute",),
)
def check(mesh: MeshView) -> Hits:
    longest = mesh.environment.longest_call_seconds
    for route in mesh.http_routes:
        if route.timeout is None or (longest is not None and route.timeout > longest):
            continue
        path = mesh.mcp_path_of(route)
        if path and not route.is_taken_before(path):
            problem = f"is {route.raw['timeout']}, which cuts every stream of {path} at that second"
            yield Hit(route.obj, (*route.path, "timeout"), problem, "remove it")
