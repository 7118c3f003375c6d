"""A route that goes around the split between versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.finding import dotted
from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@rule(
    "MCP133",
    WARNING,
    "A route that goes around the split between versions",
    symptoms=("canary gets no traffic", "a split differs from its weights"),
    why="""
One route to the service splits between subsets, another names no subset at all: its requests are spread over the pods
of every version, by their number and not by the weights. A canary with one pod of four then gets 25 per cent of them,
and one that is scaled to zero gets none. Not meant is a route of open MCP sessions, on which a filter chooses the pod
and gives the server its own id out of its metadata.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /cart}}]
    route: [{destination: {host: web}}]
  - route:
    - {destination: {host: web, subset: v1}, weight: 95}
    - {destination: {host: web, subset: v2}, weight: 5}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /cart}}]
    route: [{destination: {host: web, subset: v1}}]
  - route:
    - {destination: {host: web, subset: v1}, weight: 95}
    - {destination: {host: web, subset: v2}, weight: 5}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination",),
)
def check(mesh: MeshView) -> Hits:
    split: dict[str, HttpRoute] = {}
    for route in mesh.http_routes:
        if route.is_weighted:
            for target in route.destinations:
                if target.subset:
                    split.setdefault(target.fqdn, route)
    for route in mesh.http_routes:
        for target in route.destinations:
            other = split.get(target.fqdn)
            if other is not None and not target.subset and not _pod_is_chosen(route):
                problem = (
                    f"goes to every version of {target.fqdn}, which {dotted(other.path)} of {other.obj.key} splits"
                )
                mend = "name a subset, or split here too"
                yield Hit(route.obj, target.path, problem, mend)


def _pod_is_chosen(route: HttpRoute) -> bool:
    return "%DYNAMIC_METADATA(" in str(mapping(route.raw, "headers", "request", "set").get("mcp-session-id", ""))
