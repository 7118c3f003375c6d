"""CORS that trusts origins by pattern, with credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import elements, mapping, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP118",
    ERROR,
    "CORS that trusts origins by pattern, with credentials",
    symptoms=("a foreign web page reads answers",),
    why="""
An origin that matches may read answers with the user's cookies and tokens. A regular expression or a prefix trusts
every name it happens to cover: `https://.*\\.example\\.com` trusts each subdomain that anybody can obtain, the prefix
`https://example.com` trusts `https://example.com.evil.net` as well. Without credentials it is a warning.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - corsPolicy:
      allowOrigins: [{prefix: "https://shop.example.com"}]
      allowCredentials: true
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - corsPolicy:
      allowOrigins: [{exact: "https://shop.example.com"}]
      allowCredentials: true
    route: [{destination: {host: web}}]
""",
    sources=("https://fetch.spec.whatwg.org/#cors-protocol-and-credentials",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        policy = mapping(route.raw, "corsPolicy")
        severity = None if policy.get("allowCredentials") is True else WARNING
        for position, origin in enumerate(elements(policy, "allowOrigins")):
            where = (*route.path, "corsPolicy", "allowOrigins", position)
            for kind in ("prefix", "regex"):
                if kind in origin:
                    problem = f"trusts every origin that {kind} {text(origin, kind)!r} covers"
                    yield Hit(route.obj, (*where, kind), problem, "list the origins as exact values", severity)
            if text(origin, "exact") == "*":
                yield Hit(
                    route.obj, (*where, "exact"), "trusts every origin", "list the origins as exact values", severity
                )
