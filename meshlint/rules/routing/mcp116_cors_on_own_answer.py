"""CORS on a route that answers by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP116",
    ERROR,
    "CORS on a route that answers by itself",
    symptoms=("CORS preflight fails", "a setting has no effect"),
    why="""
Envoy's CORS filter acts on routes that forward. On a `directResponse` or `redirect` the policy is accepted and never
applied, so a preflight has to match a forwarding route.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {exact: /version}}]
    corsPolicy: {allowOrigins: [{exact: "https://shop.example.com"}]}
    directResponse: {status: 200, body: {string: "1"}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {exact: /version}}]
    corsPolicy: {allowOrigins: [{exact: "https://shop.example.com"}]}
    route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        answer = next((name for name in ("directResponse", "redirect") if name in route.raw), "")
        if answer and "corsPolicy" in route.raw:
            problem = f"stands on a route with {answer}, where Envoy does not apply it"
            yield Hit(
                route.obj, (*route.path, "corsPolicy"), problem, "forward the preflight, or set the headers by hand"
            )
