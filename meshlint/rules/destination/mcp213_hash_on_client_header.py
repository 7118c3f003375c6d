"""Affinity by a header that is absent or chosen by the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.claim_headers import claims_by_header
from meshlint.view.fields import mapping, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP213",
    WARNING,
    "Affinity by a header that is absent or chosen by the client",
    symptoms=("affinity does not hold", "MCP sessions get lost", "one pod gets all the load"),
    why="""
A request without the header is spread at random, and one with it lands where the client's value hashes to. A session
id that the *server* chose is worse: it is minted by one pod and hashes to another. Measured with 3 pods and
`mcp-session-id`: 78 of 120 follow-ups reached a pod that did not know the session. Use a cookie that Envoy sets,
Envoy's stateful session filter, or a server without state.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mcp, namespace: chat}
spec:
  host: mcp
  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: mcp-session-id}}}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mcp, namespace: chat}
spec:
  host: mcp
  trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}
""",
    sources=(
        "https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings-ConsistentHashLB",
    ),
)
def check(mesh: MeshView) -> Hits:
    written = _written_headers(mesh)
    for rule_ in mesh.destination_rules:
        for path, policy in rule_.policies():
            header = text(policy, "loadBalancer", "consistentHash", "httpHeaderName")
            if not header or header.lower() in written:
                continue
            where = (*path, "loadBalancer", "consistentHash", "httpHeaderName")
            if header.lower() == "mcp-session-id":
                problem = "is mcp-session-id, which the server mints: the hash does not lead back to the pod that did"
                yield Hit(
                    rule_.obj, where, problem, "keep no session in the server, or use Envoy's stateful_session", ERROR
                )
            else:
                problem = f"is {header}, which clients choose or leave out, and nothing here sets"
                yield Hit(rule_.obj, where, problem, "hash on httpCookie with a ttl, which Envoy sets itself")


def _written_headers(mesh: MeshView) -> set[str]:
    """Headers that the mesh itself writes: from token claims, or in routes."""
    found = set(claims_by_header(jwt for one in mesh.request_authentications for jwt in one.rules))
    for route in mesh.http_routes:
        found.update(name.lower() for name in mapping(route.raw, "headers", "request", "set"))
    return found
