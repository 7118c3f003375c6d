"""A route through an egress gateway with a missing part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.rule import ERROR, Hit, rule
from checks.view.hosts import is_external

if TYPE_CHECKING:
    from checks.rule import Hits
    from checks.view.mesh import MeshView


@rule(
    "MCP503",
    ERROR,
    "A route through an egress gateway with a missing part",
    symptoms=("calls to an outside API fail", "egress is not controlled"),
    why="""
The way out needs four parts that agree: a ServiceEntry, a Gateway that serves the host on the egress pods, a route in
the mesh to the egress gateway's Service, and a route on that Gateway to the host. Without the last one the gateway
has no listener; without the first one the request never gets there.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  tls:
  - match: [{port: 443, sniHosts: [api.openai.com]}]
    route: [{destination: {host: istio-egressgateway.istio-egress.svc.cluster.local, port: {number: 443}}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: istio-egress}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 443, name: tls, protocol: TLS}
    hosts: [api.openai.com]
    tls: {mode: PASSTHROUGH}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  gateways: [mesh, istio-egress/egress]
  tls:
  - match: [{gateways: [mesh], port: 443, sniHosts: [api.openai.com]}]
    route: [{destination: {host: istio-egressgateway.istio-egress.svc.cluster.local, port: {number: 443}}}]
  - match: [{gateways: [istio-egress/egress], port: 443, sniHosts: [api.openai.com]}]
    route: [{destination: {host: api.openai.com, port: {number: 443}}}]
""",
    sources=("https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/",),
)
def check(mesh: MeshView) -> Hits:
    leads_out: set[str] = set()
    for owner in mesh.virtual_services:
        if owner.on_gateway:
            leads_out.update(owner.fqdns)
    for owner in mesh.virtual_services:
        if not owner.in_mesh:
            continue
        targets = [target for route in owner.http for target in route.destinations]
        for target in (*targets, *owner.layer4):
            if "egress" not in target.fqdn.partition(".")[0]:
                continue
            for host in owner.fqdns:
                if is_external(host) and host not in leads_out:
                    problem = f"sends {host} to the egress gateway, where no route leads on"
                    mend = "add a Gateway for the host on the egress pods, and a route there to the host itself"
                    yield Hit(owner.obj, target.path, problem, mend)
                    break
