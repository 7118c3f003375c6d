"""A retry condition that does little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP125",
    WARNING,
    "A retry condition that does little",
    symptoms=("a setting has no effect",),
    why="""
`retriable-4xx` sounds wide and means status 409 only. Conditions that Envoy does not know are MCP009's.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{method: {exact: GET}}]
    retries: {attempts: 2, retryOn: "connect-failure,retriable-4xx"}
    route: [{destination: {host: web}}]
  - route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{method: {exact: GET}}]
    retries: {attempts: 2, retryOn: "connect-failure,503"}
    route: [{destination: {host: web}}]
  - route: [{destination: {host: web}}]
""",
    sources=(
        "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on",
    ),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        where = (*route.path, "retries", "retryOn")
        for condition in text(route.raw, "retries", "retryOn").split(","):
            if condition.strip() == "retriable-4xx":
                said = "has retriable-4xx, which is status 409 only"
                yield Hit(route.obj, where, said, "name the status codes instead", INFO)
