"""A connection pool that is small for open streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import whole

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP206",
    WARNING,
    "A connection pool that is small for open streams",
    symptoms=("503 with flag UO", "ChatGPT says 503 under load"),
    why="""
`http2MaxRequests` limits *active* requests per client proxy, HTTP/1.1 and HTTP/2 alike, and a stream is active as
long as it is open: with 100, the 101st is answered 503 at once. `http1MaxPendingRequests` and `maxConnections` cut in
the same way. Count the streams that one gateway replica holds at its peak. Judged for hosts that serve MCP.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mcp, namespace: chat}
spec:
  host: mcp
  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 100}}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mcp, namespace: chat}
spec:
  host: mcp
  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 4096}}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        if rule_.fqdn not in mesh.mcp_hosts:
            continue
        for path, policy in rule_.policies():
            for keys in LIMITS:
                limit = whole(policy, "connectionPool", *keys)
                if limit is not None and 0 < limit < FEW:
                    problem = f"is {limit}: the next open stream of a proxy is answered with 503"
                    mend = f"size it for the streams of one gateway replica at its peak, at least {FEW}"
                    yield Hit(rule_.obj, (*path, "connectionPool", *keys), problem, mend)


FEW = 1000
LIMITS = (("http", "http2MaxRequests"), ("http", "http1MaxPendingRequests"), ("tcp", "maxConnections"))
