"""A redirect to https for a host that no https server has."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.hosts import HostIndex

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Server


@rule(
    "MCP414",
    WARNING,
    "A redirect to https for a host that no https server has",
    symptoms=("the redirect to https does not work", "TLS handshake fails at the gateway"),
    why="""
The redirect sends the client to port 443 of the same host, where no server of this gateway answers for it. The
same where routes for a host are attached to a gateway that does nothing but redirect it.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com, shops.example.com]
    tls: {httpsRedirect: true}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
    tls: {httpsRedirect: true}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings",),
)
def check(mesh: MeshView) -> Hits:
    by_pods: dict[tuple[tuple[str, str], ...], list[Server]] = defaultdict(list)
    for gateway in mesh.gateways:
        by_pods[tuple(sorted(gateway.selector.items()))].extend(gateway.servers)
    for servers in by_pods.values():
        secure = HostIndex(
            (host, server) for server in servers if server.protocol == "HTTPS" for _, host in server.hosts
        )
        if not any(server.protocol == "HTTPS" for server in servers):
            yield from _routed(mesh, servers)
            continue
        for server in servers:
            for position, (_, host) in enumerate(server.hosts):
                if server.redirects and not secure.overlapping(host.lower()):
                    where = (*server.path, "hosts", position)
                    yield Hit(server.obj, where, f"is {host}, which no HTTPS server here has", "correct the host")


def _routed(mesh: MeshView, servers: list[Server]) -> Hits:
    """A gateway that only redirects, although a VirtualService has routes for its host there."""
    for server in servers:
        attached = mesh.hosts_at_gateway.get(server.owner.key, set())
        for position, (_, host) in enumerate(server.hosts):
            if server.redirects and host.lower() in attached:
                where = (*server.path, "hosts", position)
                problem = f"is {host}, which has routes here and no HTTPS server"
                yield Hit(server.obj, where, problem, "add the HTTPS server")
