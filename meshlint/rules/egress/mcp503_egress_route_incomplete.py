"""A route through an egress gateway with a missing part."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, Unseen, rule
from meshlint.view.directions import is_gateway_host
from meshlint.view.fields import Json, elements, strings, text, whole
from meshlint.view.hosts import fqdn, is_external
from meshlint.view.routing import MESH_GATEWAY, qualified_gateway

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import Destination, VirtualService


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
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: istio-egressgateway, namespace: istio-egress}
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
    leads_out: dict[str, set[str]] = defaultdict(set)
    leads_in: set[str] = set()
    for owner in mesh.virtual_services:
        onward = {target.fqdn for target in _targets(owner) if not is_gateway_host(mesh, target.fqdn)}
        if owner.on_gateway and onward:
            for host in (*owner.fqdns, *onward):
                leads_out[host] |= onward
        if owner.in_mesh and any(is_gateway_host(mesh, target.fqdn) for target in _targets(owner)):
            leads_in.update(owner.fqdns)
    for owner in mesh.virtual_services:
        if owner.in_mesh:
            yield from _way_out(mesh, owner, leads_out)
        yield from _ports_and_loops(mesh, owner)
    for gateway in mesh.gateways:
        if not gateway.is_egress:
            continue
        for server in gateway.servers:
            for position, (_, host) in enumerate(server.hosts):
                # Bytes carry no name of their own: the tunnel then has one that only the two ends know.
                meant = {host.lower(), *leads_out.get(host.lower(), ())}
                if host.lower() in leads_out and not leads_in and not mesh.environment.whole_mesh:
                    yield Unseen(gateway.obj, "VirtualService that leads to an egress gateway")
                elif host.lower() in leads_out and meant.isdisjoint(leads_in):
                    where = (*server.path, "hosts", position)
                    problem = f"is {host}, and no route in the mesh sends it to this gateway"
                    yield Hit(gateway.obj, where, problem, "add the route for gateways: [mesh]")


def _targets(owner: VirtualService) -> list[Destination]:
    return [*(target for route in owner.http for target in route.destinations), *owner.layer4]


def _way_out(mesh: MeshView, owner: VirtualService, leads_out: Collection[str]) -> Hits:
    for target in _targets(owner):
        if not is_gateway_host(mesh, target.fqdn):
            continue
        for host in owner.fqdns:
            home = target.fqdn.split(".")[1]
            if (
                is_external(host)
                and host not in leads_out
                and not mesh.shows_namespace(home, but=("Service", "VirtualService"))
            ):
                yield Unseen(owner.obj, f"object of namespace {home}, where the egress gateway is")
                break
            if is_external(host) and host not in leads_out:
                problem = f"sends {host} to the egress gateway, where no route leads on"
                mend = "add a Gateway for the host on the egress pods, and a route there to the host itself"
                yield Hit(owner.obj, target.path, problem, mend)
                break


def _ports_and_loops(mesh: MeshView, owner: VirtualService) -> Hits:
    """TLS routes: gateways that exist, ports that somebody listens on, and no way back to the gateway itself."""
    for position, route in enumerate(elements(owner.obj.spec, "tls")):
        hosts = (text(entry, "destination", "host") for entry in elements(route, "route"))
        to_egress = any(is_gateway_host(mesh, fqdn(host, owner.obj.namespace)) for host in hosts)
        for number_, match in enumerate(elements(route, "match")):
            path: Path = ("spec", "tls", position, "match", number_)
            named = strings(match, "gateways")
            keys = [qualified_gateway(name, owner.obj.namespace) for name in named] or list(owner.gateways)
            for index, key in enumerate(keys):
                if named and key not in owner.gateways:
                    problem = f"is {named[index]!r}, which spec.gateways does not have, so the match never holds"
                    yield Hit(owner.obj, (*path, "gateways", index), problem, "name one of spec.gateways")
            if to_egress and any(key != MESH_GATEWAY for key in keys):
                problem = "holds at the egress gateway too, which then sends the connection to itself"
                yield Hit(owner.obj, path, problem, "write gateways: [mesh] in this match")
            elif not to_egress and owner.on_gateway and MESH_GATEWAY in keys and _egress_route(mesh, owner):
                problem = "holds in the mesh too, beside the route to the egress gateway"
                yield Hit(owner.obj, path, problem, "name the egress gateway in this match")
            yield from _port(mesh, owner, path, match, keys)


def _egress_route(mesh: MeshView, owner: VirtualService) -> bool:
    return any(is_gateway_host(mesh, target.fqdn) for target in owner.layer4)


def _port(mesh: MeshView, owner: VirtualService, path: Path, match: Json, keys: list[str]) -> Hits:
    port = whole(match, "port")
    if port is None:
        return
    open_: set[int] = set()
    for key in keys:
        if key == MESH_GATEWAY:
            for host in owner.fqdns:
                open_ |= {found.number for entry in mesh.entries_for(host) for found in entry.ports}
        elif key in mesh.gateway_by_key:
            open_ |= {server.number for server in mesh.gateway_by_key[key].servers}
    if open_ and port not in open_:
        problem = f"is {port}, where there is {', '.join(map(str, sorted(open_)))}"
        yield Hit(owner.obj, (*path, "port"), problem, "write a port of the ServiceEntry, or of the Gateway")
