"""A regular expression that Envoy refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.validation.string_match import re2_problem
from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute


@rule(
    "MCP128",
    ERROR,
    "A regular expression that Envoy refuses",
    symptoms=("proxy keeps old config", "the API server refuses the object"),
    why="""
Envoy uses RE2, which has no look-around and no back-references, and matches the whole value. An expression that it
cannot compile makes the proxy refuse the update: it keeps the old configuration, and nothing in Kubernetes shows it.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {regex: "/(?!admin).*"}}]
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {regex: "/(shop|cart)/.*"}}]
    route: [{destination: {host: web}}]
""",
    sources=("https://github.com/google/re2/wiki/Syntax",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        for position, match in enumerate(route.matches):
            path = (*route.path, "match", position)
            for field in ("uri", "scheme", "method", "authority"):
                yield from _look(route, (*path, field, "regex"), text(match, field, "regex"))
            for field in ("headers", "withoutHeaders", "queryParams"):
                for name in mapping(match, field):
                    yield from _look(route, (*path, field, name, "regex"), text(match, field, name, "regex"))
        for position, origin in enumerate(elements(route.raw, "corsPolicy", "allowOrigins")):
            where = (*route.path, "corsPolicy", "allowOrigins", position, "regex")
            yield from _look(route, where, text(origin, "regex"))
        where = (*route.path, "rewrite", "uriRegexRewrite", "match")
        yield from _look(route, where, text(route.raw, "rewrite", "uriRegexRewrite", "match"))


def _look(route: HttpRoute, path: Path, pattern: str) -> Hits:
    # Of a header that is not to be there, * stands for any value.
    if not pattern or (pattern == "*" and "withoutHeaders" in path):
        return
    for inner, what, mend in re2_problem(pattern):
        yield Hit(route.obj, (*path, *inner), what, mend)
