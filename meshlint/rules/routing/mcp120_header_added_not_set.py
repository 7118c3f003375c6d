"""A request header that is added to what the client sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import Json, elements, mapping

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP120",
    INFO,
    "A request header that is added to what the client sent",
    symptoms=("a service reads a forged header",),
    why="""
`add` appends to the header that the client sent, and many servers read the first value. `set` replaces it.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - headers: {request: {add: {x-received: "%START_TIME%"}}}
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - headers: {request: {set: {x-received: "%START_TIME%"}}}
    route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#Headers",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        holders: list[tuple[Path, Json]] = [(route.path, route.raw)]
        holders += [
            ((*route.path, "route", position), entry) for position, entry in enumerate(elements(route.raw, "route"))
        ]
        for path, raw in holders:
            for name in mapping(raw, "headers", "request", "add"):
                where = (*path, "headers", "request", "add", name)
                problem = "is added to whatever the client sent under that name"
                yield Hit(route.obj, where, problem, "use set, which replaces it")
