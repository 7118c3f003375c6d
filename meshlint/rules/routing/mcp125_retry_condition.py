"""A retry condition that does not exist or does little."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, INFO, WARNING, Hit, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP125",
    WARNING,
    "A retry condition that does not exist or does little",
    symptoms=("the API server refuses the object", "a setting has no effect"),
    why="""
Envoy knows a fixed list of conditions and HTTP status codes; the webhook refuses others. `retriable-4xx` sounds wide
and means 409 only.
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
            name = condition.strip()
            if name == "retriable-4xx":
                said = "has retriable-4xx, which is status 409 only"
                yield Hit(route.obj, where, said, "name the status codes instead", INFO)
            elif name and name not in CONDITIONS and not (name.isdecimal() and 100 <= int(name[:4]) <= 599):
                similar = get_close_matches(name, CONDITIONS, n=1)
                mend = f"did you mean {similar[0]}?" if similar else "write one that Envoy knows, or a status code"
                yield Hit(route.obj, where, f"has {name!r}, which is no retry condition", mend, ERROR)


CONDITIONS = (
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
    "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure", "cancelled",
    "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
)  # fmt: skip
