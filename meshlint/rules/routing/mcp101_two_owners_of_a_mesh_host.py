"""Two VirtualServices own one host in the mesh."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import strings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import VirtualService


@rule(
    "MCP101",
    ERROR,
    "Two VirtualServices own one host in the mesh",
    symptoms=("canary gets no traffic", "a setting has no effect", "routes differ after a re-creation"),
    why="""
For sidecars, VirtualServices of one host do not merge: the oldest object wins, by `creationTimestamp` and then by
name, and every other one is ignored without a word. A tool that creates both at once leaves the winner to chance. (On
gateways they are merged: see MCP102.)
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web-canary, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web-retries, namespace: shop}
spec:
  hosts: [web.shop.svc.cluster.local]
  http:
  - retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - retries: {attempts: 2, retryOn: "connect-failure,refused-stream"}
    route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services",),
)
def check(mesh: MeshView) -> Hits:
    owners: dict[str, list[VirtualService]] = defaultdict(list)
    for service in mesh.virtual_services:
        if service.in_mesh:
            for host in dict.fromkeys(service.fqdns):
                owners[host].append(service)
    for host, rivals in owners.items():
        winner, *losers = sorted(rivals, key=lambda service: service.age)
        for loser in losers:
            if _meet(winner, loser):
                yield _hit(host, winner, loser)


def _meet(left: VirtualService, right: VirtualService) -> bool:
    """Whether some namespace sees both."""
    ours, theirs = _seen_by(left), _seen_by(right)
    return "*" in ours or "*" in theirs or bool(ours & theirs)


def _seen_by(service: VirtualService) -> set[str]:
    exported = set(strings(service.obj.spec, "exportTo")) or {"*"}
    return {service.obj.namespace if name == "." else name for name in exported}


def _hit(host: str, winner: VirtualService, loser: VirtualService) -> Hit:
    known = winner.obj.created and loser.obj.created
    how = f"was created first ({winner.obj.created})" if known else "wins if it is created first, and by name on a tie"
    position = loser.fqdns.index(host)
    problem = (
        f"is {loser.hosts[position]}, which {winner.obj.key} owns too: that one {how}, "
        "and sidecars ignore every route of the other"
    )
    return Hit(loser.obj, ("spec", "hosts", position), problem, "put the routes into one VirtualService")
