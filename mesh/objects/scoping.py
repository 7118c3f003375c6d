"""What each sidecar knows: what its app calls, and nothing else.

Without this every proxy holds the whole mesh: with 500 services a sidecar's configuration was 5.6 MB instead of 229 kB,
and it grew with every service that anybody added. With REGISTRY_ONLY it is also what the app can reach at all.

- An app gets a Sidecar of its own, from the edges of the graph: apps that list it as a caller, its egress hosts.
- Any other workload gets its own namespace, and what names its service account.
- Everybody gets the backend of traces (a sidecar sends spans only to a cluster that it knows) and the cluster's DNS
  over TCP, which resolvers fall back to for long answers.

Gateways have no Sidecar; istiod trims them by their routes (`PILOT_FILTER_GATEWAY_CLUSTER_CONFIG`).
Reference: https://istio.io/latest/docs/reference/config/networking/sidecar/
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import (
    ConnectionPoolSettings,
    IstioEgressListener,
    OutboundTrafficPolicy,
    OutboundTrafficPolicy_Mode,
    Sidecar,
    WorkloadSelector,
)
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects.egress_route import Route, routes
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.objects.resilience import own_pool
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chatgpt_mesh.mesh.graph import Graph, Identity

CLUSTER_DNS = "kube-system/kube-dns.kube-system.svc.cluster.local"


def objects(graph: Graph) -> Iterator[Owned]:
    """A Sidecar for each app, one for each namespace whose other workloads call something, and the default of all."""
    scopes = _Scopes(graph)
    for app in graph.apps.values():
        pool = None if app.service is None else own_pool(app.service)
        sidecar = _sidecar(scopes.of_app(app.name), WorkloadSelector(labels=app.pod_labels), pool)
        metadata = ObjectMeta(name=app.name, namespace=app.namespace)
        yield Owned(Resource(metadata=metadata, spec=sidecar), app.declared_at)
    if graph.security.scope == "namespaces":
        # Each namespace has its own default. Callers in other namespaces keep the Sidecars that they have there.
        for namespace in graph.own_namespaces:
            sidecar = _sidecar({"./*", *scopes.of_others(namespace), *scopes.shared})
            yield Owned(Resource(metadata=ObjectMeta(name="default", namespace=namespace), spec=sidecar), "security")
        return
    for namespace in graph.app_namespaces:
        hosts = scopes.of_others(namespace)
        if hosts:
            sidecar = _sidecar({"./*", *hosts, *scopes.shared})
            yield Owned(Resource(metadata=ObjectMeta(name="default", namespace=namespace), spec=sidecar), "security")
    # In the root namespace and without selector: for every workload that has no Sidecar of its own or its namespace's.
    # Of other namespaces' workloads it is not known which they are, so what they may call is visible to all of them.
    sidecar = _sidecar({"./*", *scopes.of_strangers, *scopes.shared})
    yield Owned(Resource(metadata=ObjectMeta(name="default", namespace=ROOT_NAMESPACE), spec=sidecar), "security")


class _Scopes:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.routes = routes(graph)

    @cached_property
    def shared(self) -> frozenset[str]:
        services = {backend.service for backend in self.graph.telemetry.providers.values() if backend.service}
        return frozenset({CLUSTER_DNS, *map(_service, services)})

    def of_app(self, name: str) -> set[str]:
        called = {self._app_service(target) for target in self.graph.apps_called_by[name]}
        further = {_service(host) for host in self.graph.security.visible_services.get(name, ())}
        outside = {host for route in self.routes if name in route.apps for host in self._egress(route)}
        use = self.graph.apps[name].external_authorization
        asked = set[str]() if use is None else {_service(self.graph.authorizers[use.authorizer].service)}
        return called | further | outside | asked | self.shared

    @cached_property
    def _by_identity(self) -> Mapping[Identity, frozenset[str]]:
        """What callers that are no apps of this stack may reach."""
        apps = {self.graph.app_identity(app) for app in self.graph.apps.values()}
        gateways = {self.graph.gateway_identity(gateway) for gateway in self.graph.gateways.values()}
        found: dict[Identity, set[str]] = {}
        for target, edges in self.graph.edges.items():
            for edge in edges:
                if edge.source not in apps and edge.source not in gateways:
                    found.setdefault(edge.source, set()).add(self._app_service(target))
        for route in self.routes:
            for caller in route.callers:
                if caller not in apps:
                    found.setdefault(caller, set()).update(self._egress(route))
        return {identity: frozenset(hosts) for identity, hosts in found.items()}

    @cached_property
    def _by_namespace(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for identity, hosts in self._by_identity.items():
            found.setdefault(identity.namespace, set()).update(hosts)
        return found

    def of_others(self, namespace: str) -> set[str]:
        """What workloads of a namespace of this stack reach outside it, where they are no apps."""
        own = f"{namespace}/"
        return {host for host in self._by_namespace.get(namespace, ()) if not host.startswith(own)}

    @cached_property
    def of_strangers(self) -> set[str]:
        """What callers in namespaces of other stacks may reach."""
        others = self._by_namespace.keys() - set(self.graph.app_namespaces)
        return {host for namespace in others for host in self._by_namespace[namespace]}

    def _app_service(self, name: str) -> str:
        app = self.graph.apps[name]
        return f"{app.namespace}/{app.service_host}"

    def _egress(self, route: Route) -> Iterator[str]:
        yield f"{route.home}/{route.spec.name}"
        if route.gateway is not None:
            gateway = self.graph.gateways[route.gateway]
            yield f"{gateway.home}/{gateway.service_host}"


def _service(host: str) -> str:
    """NAMESPACE/HOST of a service by its full name."""
    return f"{host.split('.')[1]}/{host}"


def _sidecar(
    hosts: Iterable[str], selector: WorkloadSelector | None = None, pool: ConnectionPoolSettings | None = None
) -> Sidecar:
    return Sidecar(
        workload_selector=selector,
        inbound_connection_pool=pool,
        egress=(IstioEgressListener(hosts=tuple(sorted(hosts))),),
        # Also the default of the mesh; said here so that a change of the mesh configuration opens nothing.
        outbound_traffic_policy=OutboundTrafficPolicy(mode=OutboundTrafficPolicy_Mode.REGISTRY_ONLY),
    )
