"""Retries that need longer than the timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import value, whole
from meshlint.view.strings import seconds

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP109",
    WARNING,
    "Retries that need longer than the timeout",
    symptoms=("504 before the last attempt", "a setting has no effect"),
    why="""
`timeout` spans all attempts. `attempts` counts *re*tries, so there are `attempts + 1` tries of `perTryTimeout` each;
what does not fit into the timeout never happens.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - timeout: 30s
    retries: {attempts: 3, perTryTimeout: 10s, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - timeout: 30s
    retries: {attempts: 2, perTryTimeout: 10s, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry",),
)
def check(mesh: MeshView) -> Hits:
    for route in mesh.http_routes:
        if route.timeout is None:
            continue
        per_try = seconds(value(route.raw, "retries", "perTryTimeout"))
        attempts = whole(route.raw, "retries", "attempts")
        if per_try is None or not attempts:
            continue
        total = per_try * (attempts + 1)
        if total > route.timeout > 0:
            problem = (
                f"is {attempts}: {attempts + 1} tries of {per_try:g}s are {total:g}s, "
                f"more than the timeout of {route.timeout:g}s"
            )
            mend = "lower attempts or perTryTimeout, or raise the timeout"
            yield Hit(route.obj, (*route.path, "retries", "attempts"), problem, mend)
