"""A gateway forwards every path of an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping, text
from meshlint.view.routing import MESH_GATEWAY

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@rule(
    "MCP121",
    WARNING,
    "A gateway forwards every path of an MCP server",
    symptoms=("metrics or admin pages answer on the internet",),
    why="""
A route without a path match sends everything to the app: `/metrics`, `/debug`, whatever the framework serves. List
the paths that are meant to be public; the rest then ends at the gateway with 404. A website for everything else, below
routes that keep the MCP path to themselves, is meant.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp, namespace: chat}
spec:
  hosts: [mcp.example.com]
  gateways: [istio-ingress/public]
  http:
  - retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
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
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        if not route.on_gateway or not any(target.fqdn in mesh.mcp_hosts for target in route.destinations):
            continue
        if _is_open(route) and mesh.mcp_path_of(route):
            problem = "has no path, so the gateway forwards everything, /metrics included"
            yield Hit(
                route.obj, (*route.path, "match"), problem, "match the exact public paths, such as uri: {exact: /mcp}"
            )


def _is_open(route: HttpRoute) -> bool:
    if not route.matches:
        return True
    return any(
        not mapping(match, "uri") or text(match, "uri", "prefix") == "/"
        for match in route.matches
        if any(name != MESH_GATEWAY for name in route.gateways_of(match))
    )
