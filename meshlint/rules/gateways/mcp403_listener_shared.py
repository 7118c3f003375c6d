"""A host that is reachable through another server's listener."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, rule
from meshlint.view.fields import text
from meshlint.view.hosts import covers
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Gateway, Server


@rule(
    "MCP403",
    ERROR,
    "A host that is reachable through another server's listener",
    symptoms=("an internal host answers on the internet",),
    why="""
Two servers of different port numbers can end up on one listener of the same pods: the Service sends 443 to container
port 8443, and a server for 8443 asks for that very port. Istio separates them by SNI, so a client on the public
address reaches the internal host by naming it. Give the internal host a gateway of its own, with an internal load
balancer.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
  - port: {number: 8443, name: https-internal, protocol: HTTPS}
    hosts: [internal.example.com]
    tls: {mode: MUTUAL, credentialName: internal, minProtocolVersion: TLSV1_2}
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example.com]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: internal, namespace: istio-internal}
spec:
  selector: {istio: internalgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [internal.example.com]
    tls: {mode: MUTUAL, credentialName: internal, minProtocolVersion: TLSV1_2}
""",
    sources=("https://istio.io/latest/docs/ops/common-problems/network-issues/",),
)
def check(mesh: MeshView) -> Hits:
    by_pods: dict[tuple[tuple[str, str], ...], list[Server]] = defaultdict(list)
    for gateway in mesh.gateways:
        by_pods[tuple(sorted(gateway.selector.items()))].extend(gateway.servers[:MAX_SERVERS])
    routing = {service.obj.namespace for service in mesh.virtual_services if service.http}
    for servers in by_pods.values():
        numbers: dict[int, Server] = {}
        for server in servers:
            numbers.setdefault(server.number, server)
        for public, inner in SHARED.items():
            if public in numbers and inner in numbers and _leads(mesh, servers[0].owner, public) in (None, inner):
                guest = numbers[inner]
                hosts = ", ".join(host for _, host in guest.hosts)
                problem = f"is {inner}, where the Service's {public} leads: {hosts} answers on {public} too"
                mend = "give these hosts a gateway (and a load balancer) of their own"
                yield Hit(guest.obj, (*guest.path, "port", "number"), problem, mend)
        yield from _mutual_beside_simple(servers, routing)


def _leads(mesh: MeshView, gateway: Gateway, public: int) -> int | None:
    """The container port behind a port of the gateway's Service; None where no Service of it is shown."""
    for service in mesh.services:
        if service.selector and selects(gateway.selector, service.selector):
            for port in service.ports:
                if port.number == public and isinstance(port.target, int):
                    return port.target
    return None


SHARED = {443: 8443, 80: 8080}
MAX_SERVERS = 200
"""Servers of one gateway that are compared with each other: the work grows with their square."""


def _lets_in(open_: tuple[str, str], guarded: tuple[str, str], routing: set[str]) -> bool:
    """Whether routes of the guarded host attach to the open one as well, so that its clients reach them by `Host`.

    A narrower open host has its own routes, and Istio gives them to its own server name alone.
    """
    if not covers(open_[1], guarded[1]):
        return False
    # A host that is for one namespace has no routes to reach where that namespace has none.
    return "*" in (open_[0], guarded[0]) or (open_[0] == guarded[0] and open_[0] in routing)


def _mutual_beside_simple(servers: list[Server], routing: set[str]) -> Hits:
    """A server that asks for client certificates shares its port with one that does not, for an overlapping host."""
    for position, server in enumerate(servers[:MAX_SERVERS]):
        if text(server.tls, "mode") != "MUTUAL":
            continue
        for other in (*servers[:position], *servers[position + 1 : MAX_SERVERS]):
            same_port = other.number == server.number and other.ends_tls and text(other.tls, "mode") != "MUTUAL"
            if same_port and any(_lets_in(two, one, routing) for one in server.hosts for two in other.hosts):
                problem = "is MUTUAL, while another server takes these hosts on the same port without a certificate"
                yield Hit(
                    server.obj, (*server.path, "tls", "mode"), problem, "keep the hosts apart, or use another gateway"
                )
