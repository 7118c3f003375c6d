"""A mirror that repeats requests which change something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, Hit, rule
from meshlint.view.strings import UNSAFE_METHODS

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP112",
    ERROR,
    "A mirror that repeats requests which change something",
    symptoms=("a tool call runs several times", "test data in production"),
    why="""
The mirrored request is a real request: its answer is thrown away, its effect is not. A mirrored POST runs the tool in
the other version as well, with the user's own token.

An error where the route leads to an MCP server, else an info: many a mirror is meant so.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
    mirror: {host: web-next}
    mirrorPercentage: {value: 10}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{method: {exact: GET}, uri: {prefix: /catalogue}}]
    route: [{destination: {host: web}}]
    mirror: {host: web-next}
    mirrorPercentage: {value: 10}
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/tasks/traffic-management/mirroring/",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        methods = sorted(route.methods() & UNSAFE_METHODS) if route.mirrors else []
        serves_mcp = any(target.fqdn in mesh.mcp_hosts for target in route.destinations)
        for mirror in route.mirrors if methods else ():
            problem = f"sends a copy of every {'/'.join(methods)} to {mirror.fqdn}, where it has its effect again"
            mend = "mirror a route that matches only GET requests of read-only paths"
            yield Hit(route.obj, mirror.path, problem, mend, None if serves_mcp else INFO, ERROR)
