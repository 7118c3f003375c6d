"""A match that says nothing, or that no request meets."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import mapping, text
from meshlint.view.strings import METHODS

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP140",
    ERROR,
    "A match that says nothing, or that no request meets",
    symptoms=("a route is never taken", "a route takes every request"),
    why="""
Methods are compared as letters, and those of HTTP are written in capitals: `get` or `FETCH` is a route that no request
takes. An empty match takes every request, and an empty `uri` is no condition; Istio accepts both.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /cart}, method: {exact: get}}]
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /cart}, method: {exact: GET}}]
    route: [{destination: {host: web}}]
""",
    sources=("https://www.rfc-editor.org/rfc/rfc9110#section-9.1",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        for position, match in enumerate(route.matches):
            path: Path = (*route.path, "match", position)
            if not match:
                yield Hit(route.obj, path, "is empty", "add a condition, or remove the whole match")
            for field in ("uri", "method", "authority", "scheme"):
                if field in match and not mapping(match, field):
                    yield Hit(route.obj, (*path, field), "says nothing", "write exact, prefix or regex")
            method = mapping(match, "method")
            named = [text(method, "exact")] if "exact" in method else re.split(r"[|()]+", text(method, "regex"))
            for name in named:
                if name and name.isalpha() and name not in METHODS:
                    similar = get_close_matches(name.upper(), METHODS, n=1)
                    mend = f"did you mean {similar[0]}?" if similar else "write a method in capitals"
                    where = (*path, "method", "exact" if "exact" in method else "regex")
                    yield Hit(route.obj, where, f"names {name!r}, which is no HTTP method", mend)
