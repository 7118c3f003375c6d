"""Two VirtualServices add routes for one host at one gateway."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.hosts import HostIndex
from meshlint.view.routing import MESH_GATEWAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import VirtualService


@rule(
    "MCP102",
    WARNING,
    "Two VirtualServices add routes for one host at one gateway",
    symptoms=("canary gets no traffic", "routes differ after a re-creation", "a path answers from the wrong service"),
    why="""
On a gateway, VirtualServices of one host are merged in the order of their creation, with catch-all routes last. Which
of two overlapping routes comes first then depends on which object is older, and a request that one object misses
falls to the routes of the other: a `/mcp/` prefix that misses `/mcp` ends in the neighbour's default route.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - route: [{destination: {host: web}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop-api, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /api/}}]
    route: [{destination: {host: api}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - match: [{uri: {prefix: /api/}}]
    route: [{destination: {host: api}}]
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services",),
)
def check(mesh: MeshView) -> Hits:
    served = {
        gateway.key: HostIndex(
            (pattern, namespace) for server in gateway.servers for namespace, pattern in server.hosts
        )
        for gateway in mesh.gateways
    }
    owners: dict[tuple[str, str], list[VirtualService]] = defaultdict(list)
    for service in mesh.virtual_services:
        for gateway in dict.fromkeys(service.gateways):
            if gateway != MESH_GATEWAY and service.http:
                for host in dict.fromkeys(service.fqdns):
                    if _may_serve(served, service, gateway, host):
                        owners[gateway, host].append(service)
    reported: set[tuple[str, str]] = set()
    for (gateway, host), rivals in owners.items():
        first, *others = sorted(rivals, key=lambda service: service.age)
        for other in others:
            if (other.obj.key, first.obj.key) in reported:
                continue
            reported.add((other.obj.key, first.obj.key))
            position = other.fqdns.index(host)
            problem = f"is {host}, for which {first.obj.key} has routes at {gateway} too, merged in order of creation"
            mend = "put all routes of the host into one VirtualService, the narrow ones first"
            yield Hit(other.obj, ("spec", "hosts", position), problem, mend)


def _may_serve(served: Mapping[str, HostIndex[str]], service: VirtualService, gateway: str, host: str) -> bool:
    """Whether the Gateway, where it is in sight, takes the host from the service's namespace."""
    if gateway not in served:
        return True
    return any(namespace in ("*", service.obj.namespace) for namespace in served[gateway].overlapping(host))
