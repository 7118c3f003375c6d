"""What has to be written before a route, and may go only after it.

A route waits for

- the rules and entries of the hosts that it leads to: a subset or a host that no proxy knows answers 503;
- what guards the workloads it leads to, and the gateway it stands at: nothing is reachable before its policy holds;
- the Gateways it stands at, and the routes it goes on by: those it delegates to, and those of the egress gateway.

It does not wait for the rest of the mesh, so what an app waits for does not grow with the number of other apps. At a
gateway, which all share, the part of another app's declaration is not waited for.

Read from the objects and not from the declaration, so that it holds for objects written by hand as well.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from chatgpt_mesh.istio_api.resource import Resource
from chatgpt_mesh.mesh.objects.egress_route import by_host, routes
from chatgpt_mesh.mesh.objects.guards import Guards, Workload
from chatgpt_mesh.mesh.objects.leading import Way, full_host, namespace_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.objects.owned import Owned

_OF_ONE = ("apps", "egress")
"""Sections whose declarations stand beside each other: what one makes is nothing to the other."""


def routes_need(graph: Graph, objects: Sequence[Owned]) -> Mapping[str, tuple[str, ...]]:
    """For each VirtualService the objects that are there before it, all by `KIND/NAMESPACE/NAME`."""
    order = _Order(graph, objects)
    return {
        owned.resource.key: tuple(dict.fromkeys(key for key in order.needs(owned) if key != owned.resource.key))
        for owned in objects
        if _is_route(owned)
    }


def _is_route(owned: Owned) -> bool:
    return isinstance(owned.resource, Resource) and isinstance(owned.resource.spec, VirtualService)


class _Order:
    def __init__(self, graph: Graph, objects: Sequence[Owned]) -> None:
        self.guards = Guards(objects)
        gateways = {g.service_host: Workload.of(g.home, g.pod_labels) for g in graph.gateways.values()}
        self.gateway_workloads: Mapping[str, Workload] = gateways
        self.app_workloads: Mapping[str, Workload] = {
            app.service_host: Workload.of(app.namespace, app.pod_labels) for app in graph.apps.values() if app.service
        }
        # Destinations of one host share its ServiceEntry and its route to the gateway.
        self.shared: dict[str, frozenset[str]] = {}
        for found in by_host(routes(graph)).values():
            paths = frozenset(route.path for route in found)
            self.shared |= dict.fromkeys(paths, paths)
        self.by_host: dict[str, list[str]] = defaultdict(list)
        """Rules and entries."""
        self.sidecars: dict[str, list[str]] = defaultdict(list)
        """Those that list a host."""
        self.gateways: dict[str, Sequence[Workload]] = {}
        """The workloads of a Gateway by NAMESPACE/NAME, as far as they are of this stack."""
        self.gateways_of: dict[tuple[Workload, str], list[str]] = defaultdict(list)
        """Gateways by workload and declaration."""
        self.ways: dict[str, Way] = {}
        self.standing_at: dict[str, list[str]] = defaultdict(list)
        """VirtualServices by Gateway."""
        for owned in objects:
            if isinstance(owned.resource, Resource):
                self._add(owned, owned.resource)

    def _add(self, owned: Owned, resource: Resource) -> None:
        key, namespace = resource.key, resource.metadata.namespace
        match resource.spec:
            case DestinationRule() as rule:
                self.by_host[full_host(rule.host, namespace)].append(key)
            case ServiceEntry() as entry:
                for host in entry.hosts:
                    self.by_host[host].append(key)
            case Sidecar() as sidecar:
                for host in {listed.partition("/")[2] for listener in sidecar.egress for listed in listener.hosts}:
                    self.sidecars[host].append(key)
            case Gateway() as gateway:
                name = f"{namespace}/{resource.metadata.name}"
                found = [w for w in self.gateway_workloads.values() if w.is_selected_by(gateway.selector)]
                self.gateways[name] = found
                for workload in found:
                    self.gateways_of[workload, owned.declaration].append(name)
            case VirtualService() as route:
                self.ways[key] = way = Way.of(route, namespace)
                for name in way.gateways:
                    self.standing_at[name].append(key)
            case _:
                pass

    def needs(self, owned: Owned) -> Iterator[str]:
        way = self.ways[owned.resource.key]
        own = self.shared.get(owned.declaration, frozenset({owned.declaration}))
        if way.hosts:
            yield from (f"VirtualService/{name}" for name in way.delegates if self._is_delegate(name))
        for host in (*way.hosts, *way.targets):
            yield from self._rules(host)
        for name in way.gateways:
            if name in self.gateways:
                yield f"Gateway/{name}"
                for workload in self.gateways[name]:
                    yield from _at_shared(self.guards.of(workload), own)
        for host in way.targets:
            yield from self._of_target(host, way, own)

    def _rules(self, host: str) -> Iterator[str]:
        """Of the host itself, and of the wildcards that take it in."""
        yield from self.by_host.get(host, ())
        rest = host.removeprefix("*.")
        while rest:
            yield from self.by_host.get(f"*.{rest}", ()) if f"*.{rest}" != host else ()
            rest = rest.partition(".")[2]

    def _of_target(self, host: str, way: Way, own: frozenset[str]) -> Iterator[str]:
        if (workload := self.app_workloads.get(host)) is not None:
            for keys in self.guards.of(workload).values():
                yield from keys
        elif (workload := self.gateway_workloads.get(host)) is not None:
            yield from _at_shared(self.guards.of(workload), own)
            if way.of_sidecars:
                yield from self._through_gateway(workload, way, own)
        else:
            # Pods of somebody else, whose labels nobody says here.
            somewhere = Workload(namespace_of(host) or "", ())
            yield from _at_shared(self.guards.of(somewhere), own)
            yield from _at_shared(self.guards.anywhere_in(somewhere.namespace), own)

    def _through_gateway(self, workload: Workload, way: Way, own: frozenset[str]) -> Iterator[str]:
        """What takes over behind a route from sidecars to a gateway, and what the callers' sidecars need for it."""
        for declaration in sorted(own):
            for name in self.gateways_of.get((workload, declaration), ()):
                yield f"Gateway/{name}"
                yield from self.standing_at[name]
        for host in way.hosts:
            yield from self.sidecars.get(host, ())
        for namespace in way.seen_by:
            # Policies of a namespace guard what comes in; a filter may be what makes a sidecar find its way out.
            for key in _at_shared(self.guards.of_whole(namespace), own):
                if key.startswith("EnvoyFilter/"):
                    yield key

    def _is_delegate(self, name: str) -> bool:
        """One that has no hosts, as Istio wants it. So no two routes ever wait for each other."""
        way = self.ways.get(f"VirtualService/{name}")
        return way is not None and not way.hosts


def _at_shared(found: Mapping[str, Iterable[str]], own: frozenset[str]) -> Iterator[str]:
    """Without what belongs to another of the declarations that share a workload."""
    for declaration, keys in found.items():
        if declaration in own or declaration.partition(".")[0] not in _OF_ONE:
            yield from keys
