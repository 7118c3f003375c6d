"""Where requests go: VirtualServices, Gateways and DestinationRules, by host."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.view.charts import Charts
from meshlint.view.fields import mapping, text
from meshlint.view.hosts import HostIndex
from meshlint.view.narrowed_routes import narrowing
from meshlint.view.routing import MESH_GATEWAY, DestinationRule, Gateway, HttpRoute, VirtualService

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshlint.view.fields import Json


class Traffic(Charts):
    """The objects by which Istio routes."""

    @cached_property
    def virtual_services(self) -> list[VirtualService]:
        """Every VirtualService; a route that delegates leads where the routes of its delegate do."""
        found = [VirtualService.read(obj) for obj in self.istio("VirtualService")]
        delegates = {(service.obj.namespace, service.obj.name): service for service in found if not service.hosts}
        for service in found if delegates else ():
            for route in service.http:
                named = mapping(route.raw, "delegate")
                key = (text(named, "namespace") or service.obj.namespace, text(named, "name"))
                if named and key in delegates:
                    route.follow(delegates[key])
        return found

    @cached_property
    def _virtual_services_by_host(self) -> dict[str, list[VirtualService]]:
        found: dict[str, list[VirtualService]] = defaultdict(list)
        for service in self.virtual_services:
            for host in dict.fromkeys((*service.hosts, *service.fqdns)):
                found[host].append(service)
        return found

    def virtual_services_of(self, host: str) -> list[VirtualService]:
        """The VirtualServices that name exactly this host, as written or as istiod resolves it."""
        return self._virtual_services_by_host.get(host, [])

    @cached_property
    def _virtual_services_by_covered_host(self) -> HostIndex[VirtualService]:
        return HostIndex((host, service) for host, found in self._virtual_services_by_host.items() for service in found)

    def virtual_services_covering(self, host: str) -> list[VirtualService]:
        """The VirtualServices whose hosts name this one, or cover it by a wildcard."""
        return list(dict.fromkeys(self._virtual_services_by_covered_host.covering(host)))

    @cached_property
    def http_routes(self) -> list[HttpRoute]:
        """The HTTP routes of all VirtualServices."""
        return [route for service in self.virtual_services for route in service.http]

    @cached_property
    def narrowed_routes(self) -> Mapping[str, tuple[Json, ...]]:
        """What EnvoyFilters ask of the request's metadata, by the name of the route."""
        return narrowing(self.istio("EnvoyFilter"))

    @cached_property
    def routes_by_claim(self) -> bool:
        """Whether some route looks at a claim of a verified token."""
        return any(service.looks_at_claims for service in self.virtual_services)

    @cached_property
    def gateways(self) -> list[Gateway]:
        """Every Gateway of Istio's own API."""
        found = [Gateway.read(obj) for obj in self.istio("Gateway")]
        for gateway in found if self.gateways_keep_to_their_namespace else ():
            gateway.home = gateway.obj.namespace
        return found

    @cached_property
    def gateway_by_key(self) -> dict[str, Gateway]:
        """Each Gateway by NAMESPACE/NAME, as VirtualServices name it."""
        return {gateway.key: gateway for gateway in self.gateways}

    @cached_property
    def hosts_at_gateway(self) -> dict[str, set[str]]:
        """The hosts for which VirtualServices have HTTP routes at each gateway."""
        found: dict[str, set[str]] = defaultdict(set)
        for service in self.virtual_services:
            if service.http:
                for name in service.gateways:
                    found[name].update(service.fqdns)
        return found

    @cached_property
    def served_hosts(self) -> frozenset[str]:
        """Host patterns that ingress gateways serve."""
        return frozenset(
            host.lower()
            for gateway in self.gateways
            if not gateway.is_egress
            for server in gateway.servers
            for _, host in server.hosts
            if host != "*"
        )

    @cached_property
    def shows_every_gateway(self) -> bool:
        """Whether each Gateway that a VirtualService names is in sight, and so every host that comes in."""
        named = {key for service in self.virtual_services for key in service.gateways if key != MESH_GATEWAY}
        return self.environment.whole_mesh or named <= self.gateway_by_key.keys()

    @cached_property
    def _served_suffixes(self) -> frozenset[str]:
        return frozenset(host[1:] for host in self.served_hosts if host.startswith("*"))

    def serves_some_of(self, host: str) -> bool:
        """Whether ingress gateways serve a host that this pattern covers, or by a pattern that covers this one."""
        if host in self.served_hosts or any(host[place:] in self._served_suffixes for place in range(len(host) + 1)):
            return True
        return host.startswith("*") and any(served.endswith(host[1:]) for served in self.served_hosts)

    @cached_property
    def destination_rules(self) -> list[DestinationRule]:
        """Every DestinationRule."""
        return [DestinationRule.read(obj) for obj in self.istio("DestinationRule")]

    @cached_property
    def destination_rules_by_host(self) -> dict[str, list[DestinationRule]]:
        """Rules of each host, the oldest first, as istiod merges them."""
        found: dict[str, list[DestinationRule]] = defaultdict(list)
        for rule in sorted(self.destination_rules, key=lambda rule: rule.age):
            found[rule.fqdn].append(rule)
        return found
