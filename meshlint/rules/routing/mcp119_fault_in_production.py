"""Fault injection in production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP119",
    WARNING,
    "Fault injection in production",
    symptoms=("some requests are slow or fail for no reason", "503 with flag FI"),
    why="""
A fault behind a header can be set off by whoever can write the header; a fault by percentage hits everybody. And the
VirtualService that carries it owns the host: if it is the oldest one, the real routes are dead. Keep faults in
staging (`--environment staging`), in an object that is removed after the test.

A warning; an info where a header aims the fault at a test's own requests.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - fault: {abort: {percentage: {value: 1}, httpStatus: 503}}
    route: [{destination: {host: web}}]
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
    sources=("https://istio.io/latest/docs/tasks/traffic-management/fault-injection/",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    if not mesh.environment.production:
        return
    for route in mesh.http_routes:
        for article, kind in (("a", "delay"), ("an", "abort")):
            if mapping(route.raw, "fault", kind):
                where = (*route.path, "fault", kind)
                # Behind a header it is a test that is meant; without one it hits whoever comes.
                aimed = bool(route.matches) and all(mapping(match, "headers") for match in route.matches)
                problem, mend = f"injects {article} {kind} in production", "remove it, or move it to a test stack"
                yield Hit(route.obj, where, problem, mend, INFO if aimed else None, ERROR)
