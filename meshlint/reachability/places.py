"""Places: hosts as clients outside, or callers inside, ask for them, and the objects that decide about each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.reachability.authorization import Guards, Proxy, at_waypoint, guards, pods
from meshlint.reachability.connections import rules_of
from meshlint.reachability.identities import assumed_labels, compared_selectors, edge_behind, edges
from meshlint.reachability.settings import named
from meshlint.view.fields import mapping, strings
from meshlint.view.gateway_api.programmed import owners
from meshlint.view.hosts import covers, fqdn
from meshlint.view.kubernetes import selects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.reachability.identities import Edge
    from meshlint.view.kubernetes import ServiceEntry
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import HttpRoute, Server, VirtualService

INSIDE = ".svc.cluster.local"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A host, asked for by clients outside (`outside`) or by callers in the cluster."""

    outside: bool
    host: str


def places(mesh: MeshView) -> set[Place]:
    """Every host that the objects name; one name stands for what a wildcard covers."""
    outside = {host for gateway in mesh.programmed_gateways for server in gateway.servers for _, host in server.hosts}
    outside |= {host for service in mesh.programmed_services if service.on_gateway for host in service.fqdns}
    inside = {service.fqdn for service in mesh.services}
    inside |= {target.fqdn for route in mesh.programmed_routes for target in route.destinations}
    inside |= {target.fqdn for service in mesh.programmed_services for target in service.layer4}
    inside |= {host for service in mesh.programmed_services if service.in_mesh for host in service.fqdns}
    inside |= set(mesh.service_entries_by_host) | set(_selected(mesh))
    outside.add("*")
    return {Place(True, one_of(host)) for host in outside} | {Place(False, one_of(host)) for host in inside if host}


def one_of(pattern: str) -> str:
    """A host that a pattern covers."""
    name = pattern.lower()
    return "undeclared.example.net" if name == "*" else name.replace("*", "any", 1)


def _selected(mesh: MeshView) -> Iterator[str]:
    """The Services that a selector of policies lets expect where no object shows whom it selects."""
    gateways = {edge.namespace for edge in edges(mesh)}
    for namespace, selector in compared_selectors(mesh):
        if not selector or namespace in gateways or namespace == mesh.root_namespace:
            continue
        shown = mesh.services_by_namespace.get(namespace, ())
        if not mesh.select(namespace, selector) and not any(selects(selector, one.selector) for one in shown):
            yield fqdn(next(iter(selector.values())), namespace)


class Survey:
    """What one version of a mesh has at a place."""

    def __init__(self, mesh: MeshView, place: Place) -> None:
        self.mesh = mesh
        self.place = place

    @cached_property
    def servers(self) -> list[tuple[Edge, Server]]:
        """The servers that listen for clients outside, and whose pods they are on."""
        return self.listening if self.place.outside else []

    @cached_property
    def listening(self) -> list[tuple[Edge, Server]]:
        """Every server of the host, for whomever."""
        listeners = self.mesh.once("listeners", lambda: _Listeners(self.mesh))
        return listeners.of(self.place.host)

    @cached_property
    def virtual_services(self) -> list[VirtualService]:
        """Those of the host, on the place's side, and those that they delegate to."""
        found = [
            service
            for service in self.mesh.programmed_services_covering(self.place.host)
            if (service.on_gateway if self.place.outside else service.in_mesh)
        ]
        if self._leads_through_gateway:
            found = self.mesh.programmed_services_covering(self.place.host)
        delegates = {
            (mapping(route.raw, "delegate").get("namespace") or service.obj.namespace, route.raw["delegate"]["name"])
            for service in found
            for route in service.http
            if mapping(route.raw, "delegate").get("name")
        }
        if delegates:
            found = [
                *found,
                *(one for one in self.mesh.virtual_services if (one.obj.namespace, one.obj.name) in delegates),
            ]
        return list(dict.fromkeys(found))

    @cached_property
    def _leads_through_gateway(self) -> bool:
        """Whether callers in the mesh reach the host by way of a gateway (egress)."""
        return not self.place.outside and any(
            edge_behind(self.mesh, target.fqdn) is not None
            for service in self.mesh.programmed_services_covering(self.place.host)
            if service.in_mesh
            for target in (*service.layer4, *(one for route in service.http for one in route.destinations))
        )

    @cached_property
    def routes(self) -> list[HttpRoute]:
        return [route for service in self.virtual_services for route in service.http]

    @cached_property
    def destinations(self) -> list[str]:
        """The hosts where requests end up: those of routes, and the host itself."""
        found = [target.fqdn for route in self.routes for target in route.destinations]
        found += [target.fqdn for service in self.virtual_services for target in service.layer4]
        return list(dict.fromkeys([*found, *([] if self.place.outside else [self.place.host])]))

    @cached_property
    def entries(self) -> list[ServiceEntry]:
        return [entry for host in self.destinations for entry in self.mesh.entries_for(host)]

    @cached_property
    def guards(self) -> list[Guards]:
        """The policies on every proxy on the way."""
        return [guards(self.mesh, proxy) for proxy in self._proxies]

    @cached_property
    def _proxies(self) -> list[Proxy]:
        on_edges = {edge.key: edge for edge, _ in self.servers}
        if self.place.outside and not on_edges:
            # A host that nobody serves meets the policies of every gateway that reads requests.
            on_edges = {edge.key: edge for edge in edges(self.mesh)}
        on_edges |= {edge.key: edge for edge, _ in self.listening}
        for host in self.destinations:
            edge = edge_behind(self.mesh, host)
            if edge is not None:
                on_edges[edge.key] = edge
        found = [Proxy(edge.namespace, edge.labels, 0) for edge in on_edges.values()]
        for host in self.destinations:
            found += self._behind(host)
        return found

    def _behind(self, host: str) -> list[Proxy]:
        service = self.mesh.service_by_fqdn.get(host)
        if service is not None:
            labels = [found.labels for found in self.mesh.backends(service)] or [service.selector]
            proxies = [pods(self.mesh, service.obj.namespace, one, 0) for one in labels]
            waypoint = self.mesh.waypoint_of(service)
            return [*proxies, *([at_waypoint(waypoint, service)] if waypoint is not None else [])]
        if not host.endswith(INSIDE):
            return []
        name, namespace = host.split(".")[:2]
        return [pods(self.mesh, namespace, assumed_labels(self.mesh, namespace, name), 0)]

    @cached_property
    def keys(self) -> frozenset[str]:
        """The objects that can decide about a request to the place, by KIND/NAMESPACE/NAME."""
        found = {named(obj) for service in self.virtual_services for obj in owners(service)}
        found |= {named(server.obj) for _, server in self.listening}
        found |= {entry.obj.key for entry in self.entries}
        for host in self.destinations:
            found |= {rule.obj.key for rule in rules_of(self.mesh, host)}
            service = self.mesh.service_by_fqdn.get(host)
            if service is not None:
                found.add(service.obj.key)
                found |= {workload.obj.key for workload in self.mesh.backends(service)}
        if self.place.outside and not self.servers:
            found |= {named(gateway.obj) for gateway in self.mesh.programmed_gateways}
        for guarding in self.guards:
            found |= {policy.obj.key for policy in guarding.policies}
            found |= {rule.obj.key for rule in guarding.jwt_rules}
            found |= {peer.obj.key for peer in guarding.peers}
        return frozenset(found)

    @cached_property
    def ports(self) -> list[int]:
        """Ports that somebody listens on, or that policies name."""
        if self.place.outside:
            listening = [server for _, server in self.servers] or [
                server for gateway in self.mesh.programmed_gateways for server in gateway.servers if server.is_http
            ]
            return list(dict.fromkeys(server.number for server in listening))
        service = self.mesh.service_by_fqdn.get(self.place.host)
        found = [port.number for port in service.ports] if service is not None else []
        found += [port.number for entry in self.mesh.entries_for(self.place.host) for port in entry.ports]
        if not found:
            found += self.mesh.once("routed ports", lambda: _routed_ports(self.mesh)).get(self.place.host, ())
            found += [port for guarding in self.guards for port in _named_ports(guarding)]
        return list(dict.fromkeys(found))


class _Listeners:
    """Every server and whose pods it is on, by host: a gateway may name thousands of hosts one by one."""

    def __init__(self, mesh: MeshView) -> None:
        self._all: list[tuple[Edge, Server]] = []
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._wide: dict[str, list[int]] = defaultdict(list)
        for edge in edges(mesh):
            for gateway in mesh.programmed_gateways:
                if gateway.is_on(edge.namespace, edge.labels):
                    for server in gateway.servers:
                        self._add(edge, server)

    def _add(self, edge: Edge, server: Server) -> None:
        for host in {host.lower() for _, host in server.hosts}:
            patterns = self._wide if host.startswith("*") else self._exact
            patterns[host].append(len(self._all))
        self._all.append((edge, server))

    def of(self, host: str) -> list[tuple[Edge, Server]]:
        found = set(self._exact.get(host, ()))
        for pattern, listening in self._wide.items():
            if covers(pattern, host):
                found.update(listening)
        return [self._all[number] for number in sorted(found)]


def _routed_ports(mesh: MeshView) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for service in mesh.programmed_services:
        for target in (*service.layer4, *(one for route in service.http for one in route.destinations)):
            if target.port is not None:
                found[target.fqdn].append(target.port)
    return found


def _named_ports(guarding: Guards) -> Iterator[int]:
    for policy in guarding.policies:
        for rule in policy.rules:
            for operation in rule.operations:
                yield from (int(port) for port in strings(operation.raw, "ports") if port.isdecimal())
    for peer in guarding.peers:
        yield from peer.ports
