"""Istio's default retries on a route to an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.strings import UNSAFE_METHODS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP108",
    WARNING,
    "Istio's default retries on a route to an MCP server",
    symptoms=("a tool call runs several times",),
    why="""
A route without `retries` gets Istio's default: two more attempts on `connect-failure`, `refused-stream`,
`unavailable`, `cancelled` and status 503. An MCP server that answers 503 after it has begun to work is asked again.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp]
  http:
  - match: [{uri: {exact: /mcp}}]
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
    for config in mesh.mesh_configs:
        if config.get("defaultHttpRetryPolicy"):
            return
    for route in mesh.http_routes:
        if not route.obj.spec.get("hosts"):
            continue  # a delegate; the route that leads to it says the retries, and is judged itself
        if "retries" not in route.raw and mesh.mcp_path_of(route) and route.methods() & UNSAFE_METHODS:
            yield Hit(
                route.obj,
                (*route.path, "retries"),
                "is absent, so Istio repeats a POST to the MCP server up to twice on 503",
                'write retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}',
            )
