"""An outside host that the registry does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, Unseen, rule
from meshlint.view.hosts import is_external

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP501",
    ERROR,
    "An outside host that the registry does not hold",
    symptoms=("calls to an outside API fail", "502 from the egress gateway"),
    why="""
With `outboundTrafficPolicy: REGISTRY_ONLY` a sidecar has no listener for a host without ServiceEntry
(BlackHoleCluster), and a route through the egress gateway points at a cluster that istiod does not generate. Also
without REGISTRY_ONLY, a route to such a host leads nowhere.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  tls:
  - match: [{port: 443, sniHosts: [api.openai.com]}]
    route: [{destination: {host: api.openai.com, port: {number: 443}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: stripe, namespace: chat}
spec:
  hosts: [api.stripe.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
  location: MESH_EXTERNAL
""",
    good="""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
  location: MESH_EXTERNAL
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: openai, namespace: chat}
spec:
  hosts: [api.openai.com]
  tls:
  - match: [{port: 443, sniHosts: [api.openai.com]}]
    route: [{destination: {host: api.openai.com, port: {number: 443}}}]
""",
    sources=("https://istio.io/latest/docs/tasks/traffic-management/egress/egress-control/",),
)
def check(mesh: MeshView) -> Hits:
    consequence = "REGISTRY_ONLY blocks it" if mesh.registry_only else "istiod generates no cluster for it"
    for owner in mesh.virtual_services:
        reported: set[str] = set()
        viewers = {owner.obj.namespace} if owner.in_mesh else set[str]()
        viewers |= {key.partition("/")[0] for key in owner.gateways if key in mesh.gateway_by_key}
        viewers = viewers or {owner.obj.namespace}
        targets = [target for route in owner.http for target in (*route.destinations, *route.mirrors)]
        for target in (*targets, *owner.layer4):
            name = target.fqdn
            if (
                not is_external(name)
                or name in reported
                or all(mesh.knows_host(name, viewer) for viewer in viewers)
                or name.count(".") < 1
            ):
                continue
            if name.split(".")[-1] in ("svc", "local") or name in mesh.service_names:
                continue
            reported.add(name)
            if not mesh.shows("ServiceEntry"):
                yield Unseen(owner.obj, "ServiceEntry")
                break
            who = " and ".join(sorted(viewers))
            problem = f"is {target.host}, and {who} see no ServiceEntry with that host: {consequence}"
            mend = "add a ServiceEntry with the host, its port and resolution DNS"
            yield Hit(owner.obj, (*target.path, "host"), problem, mend)
