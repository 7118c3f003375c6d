"""A setting that ends the reuse of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import value, whole
from meshlint.view.strings import seconds

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP207",
    INFO,
    "A setting that ends the reuse of connections",
    symptoms=("requests hang on connect", "high latency under load"),
    why="""
`maxRequestsPerConnection: 10` closes each connection after ten requests; every tenth call pays for TCP and mTLS
again. An `idleTimeout` below a second does the same between two calls of one user. Leave the first out, and the second
at minutes, or a second below the app's own: uvicorn and Node close idle connections after five, and a request on one
that is closing is answered 503 (`UC`). The place for that is `inboundConnectionPool` of the app's Sidecar, which
callers do not pay for.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 10}}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {connectionPool: {http: {idleTimeout: 300s}}}
""",
    sources=(
        "https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings-HTTPSettings",
    ),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            where = (*path, "connectionPool", "http")
            limit = whole(policy, "connectionPool", "http", "maxRequestsPerConnection")
            if limit is not None and 0 < limit < 100:
                problem = f"is {limit}, so a connection is closed after {limit} request{'s' if limit > 1 else ''}"
                yield Hit(rule_.obj, (*where, "maxRequestsPerConnection"), problem, "remove it")
            idle = seconds(value(policy, "connectionPool", "http", "idleTimeout"))
            if idle is not None and 0 < idle < 1:
                problem = f"is {idle:g}s, so connections are closed between two requests"
                yield Hit(
                    rule_.obj,
                    (*where, "idleTimeout"),
                    problem,
                    "write minutes, such as 300s, or a second less than the app keeps them",
                )
