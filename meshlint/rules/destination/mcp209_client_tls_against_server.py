"""Client TLS settings that the server's PeerAuthentication contradicts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import text
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import DestinationRule
    from meshlint.view.security import PeerAuthentication


@rule(
    "MCP209",
    ERROR,
    "Client TLS settings that the server's PeerAuthentication contradicts",
    symptoms=("503 with flag UF", "connection reset between two services"),
    why="""
`tls` in a DestinationRule overrides what Istio would find out by itself (auto mTLS), on every port of the host. With
ISTIO_MUTUAL, a port that the server opened in plaintext (`DISABLE`) fails; with DISABLE or SIMPLE, a server that is
STRICT refuses. Leave `tls` out for hosts in the mesh.
""",
    bad="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {tls: {mode: DISABLE}}
""",
    good="""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}
""",
    sources=("https://istio.io/latest/docs/ops/configuration/traffic-management/tls-configuration/#auto-mtls",),
    needs=("PeerAuthentication",),
)
def check(mesh: MeshView) -> Hits:
    strict_everywhere = any(
        peer.mode == "STRICT" and not peer.selector and peer.obj.namespace == mesh.root_namespace
        for peer in mesh.peer_authentications
    )
    by_namespace = {
        peer.obj.namespace: peer.mode
        for peer in mesh.peer_authentications
        if not peer.selector and peer.mode != "UNSET"
    }
    opened: dict[str, list[PeerAuthentication]] = defaultdict(list)
    for peer in mesh.peer_authentications:
        if any(mode == "DISABLE" for mode in peer.ports.values()):
            opened[peer.obj.namespace].append(peer)
    for rule_ in mesh.destination_rules:
        name, _, rest = rule_.fqdn.partition(".")
        namespace, _, suffix = rest.partition(".")
        if suffix != "svc.cluster.local":
            continue
        for path, policy in rule_.policies():
            mode = text(policy, "tls", "mode")
            where = (*path, "tls", "mode")
            if (
                mode in ("DISABLE", "SIMPLE")
                and by_namespace.get(namespace, "STRICT" if strict_everywhere else "") == "STRICT"
            ):
                problem = f"is {mode}, while a PeerAuthentication makes {rule_.fqdn} STRICT"
                yield Hit(rule_.obj, where, problem, "remove tls, and Istio uses mTLS by itself")
            elif mode == "ISTIO_MUTUAL" and "port" not in policy:
                yield from _opened_ports(mesh, rule_, where, opened[namespace], name, namespace)


def _opened_ports(
    mesh: MeshView, rule_: DestinationRule, where: Path, peers: list[PeerAuthentication], name: str, namespace: str
) -> Hits:
    service = mesh.service_by_fqdn.get(rule_.fqdn)
    for peer in peers:
        if service is not None and not selects(peer.selector, service.selector):
            continue
        if service is None and peer.selector.get("app", name) != name:
            continue
        ports = sorted(port for port, mode in peer.ports.items() if mode == "DISABLE")
        numbers = ", ".join(map(str, ports))
        problem = f"is ISTIO_MUTUAL on every port, while {peer.obj.key} takes only plaintext on {numbers}"
        mend = f"remove tls, or end the exception of port {numbers} in {namespace}"
        yield Hit(rule_.obj, where, problem, mend)
