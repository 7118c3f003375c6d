"""The egress gateway's side of a destination (`mesh.objects.egress`): tunnel to it, policy at it, the way on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.istio_api.networking import (
    ClientTLSSettings,
    ClientTLSSettings_TLSmode,
    Destination,
    DestinationRule,
    EnvoyFilter,
    EnvoyFilter_ApplyTo,
    EnvoyFilter_EnvoyConfigObjectMatch,
    EnvoyFilter_EnvoyConfigObjectPatch,
    EnvoyFilter_ListenerMatch,
    EnvoyFilter_ListenerMatch_FilterChainMatch,
    EnvoyFilter_ListenerMatch_FilterMatch,
    EnvoyFilter_Patch,
    EnvoyFilter_Patch_Operation,
    EnvoyFilter_PatchContext,
    Gateway,
    HTTPMatchRequest,
    HTTPRetry,
    HTTPRoute,
    HTTPRouteDestination,
    L4MatchAttributes,
    Port,
    PortSelector,
    RouteDestination,
    Server,
    ServerTLSSettings,
    ServerTLSSettings_TLSmode,
    Subset,
    TCPRoute,
    TLSMatchAttributes,
    TLSRoute,
    TrafficPolicy,
    VirtualService,
    WorkloadSelector,
)
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    Condition,
    Operation,
    Rule,
    Rule_From,
    Rule_To,
    Source,
)
from chatgpt_mesh.istio_api.type import WorkloadSelector as PolicySelector
from chatgpt_mesh.mesh.objects.egress_route import Route, by_host, metadata
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

PORT = 443
"""The one port of an egress gateway's Service; the server name tells destinations apart."""


PRIORITY = 10
"""Of the EnvoyFilters; without one their order among others is that of creation."""


_NOTHING_RUNS_TWICE = HTTPRetry(attempts=2, retry_on="connect-failure,refused-stream")


def objects(graph: Graph, routes: Sequence[Route]) -> Iterator[Owned]:
    """For each egress gateway its default of denying, its tunnels, and the destinations that pass through it."""
    for gateway in graph.gateways.values():
        if gateway.kind != "egress":
            continue
        passing = [route for route in routes if route.gateway == gateway.name]
        for shared in by_host(passing).values():
            to_gateway = Resource(metadata=metadata(shared[0], "-to-gateway"), spec=_to_gateway(shared, gateway))
            yield Owned(to_gateway, shared[0].path)
        for route in passing:
            here = ObjectMeta(name=f"egress-{route.name}", namespace=route.home)
            yield Owned(Resource(metadata=here, spec=_policy(route, routes, gateway, graph)), route.path)
            yield Owned(Resource(metadata=here, spec=_server(route, gateway)), route.path)
            onward = ObjectMeta(name=f"egress-{route.name}-from-gateway", namespace=route.home)
            yield Owned(Resource(metadata=onward, spec=_from_gateway(route, here.name)), route.path)
        yield from _gateway(gateway, passing)


def _to_gateway(shared: Sequence[Route], gateway: GatewaySpec) -> VirtualService:
    http: list[HTTPRoute] = []
    tls: list[TLSRoute] = []
    tcp: list[TCPRoute] = []
    for route in shared:
        spec = route.spec
        tunnel = Destination(host=gateway.service_host, subset=route.name, port=PortSelector(number=PORT))
        way = (RouteDestination(destination=tunnel),)
        if spec.originate_tls:
            match = HTTPMatchRequest(port=route.app_port)
            http.append(
                HTTPRoute(
                    match=(match,), route=(HTTPRouteDestination(destination=tunnel),), retries=_NOTHING_RUNS_TWICE
                )
            )
        elif spec.protocol == "tls":
            tls.append(TLSRoute(match=(TLSMatchAttributes(port=spec.port, sni_hosts=(spec.name,)),), route=way))
        else:
            tcp.append(TCPRoute(match=(L4MatchAttributes(port=spec.port),), route=way))
    namespaces = {namespace for route in shared for namespace in route.namespaces}
    return VirtualService(
        hosts=(shared[0].spec.name,),
        gateways=("mesh",),
        http=http,
        tls=tls,
        tcp=tcp,
        export_to=tuple(sorted(namespaces)),
    )


def _server(route: Route, gateway: GatewaySpec) -> Gateway:
    """A Gateway per destination: in one for all, the route of a wildcard would take the hosts below it as well."""
    protocol = "HTTPS" if route.spec.originate_tls else "TLS"
    server = Server(
        port=Port(number=PORT, name=f"{protocol.lower()}-{route.name}", protocol=protocol),
        hosts=(route.server_name,),
        tls=ServerTLSSettings(mode=ServerTLSSettings_TLSmode.ISTIO_MUTUAL),
    )
    return Gateway(selector=gateway.pod_labels, servers=(server,))


def _from_gateway(route: Route, gateway: str) -> VirtualService:
    target = Destination(host=route.spec.name, port=PortSelector(number=route.app_port))
    gateways = (f"{route.home}/{gateway}",)
    if route.spec.originate_tls:
        http = HTTPRoute(route=(HTTPRouteDestination(destination=target),), retries=_NOTHING_RUNS_TWICE)
        return VirtualService(hosts=(route.server_name,), gateways=gateways, http=(http,), export_to=(route.home,))
    # The gateway has ended the wrapping TLS; what is left are bytes, which TCP routes carry.
    tcp = TCPRoute(match=(L4MatchAttributes(port=PORT),), route=(RouteDestination(destination=target),))
    return VirtualService(hosts=(route.server_name,), gateways=gateways, tcp=(tcp,), export_to=(route.home,))


def _policy(route: Route, routes: Sequence[Route], gateway: GatewaySpec, graph: Graph) -> AuthorizationPolicy:
    callers = Source(principals=tuple(graph.principal(caller) for caller in route.callers))
    tls = route.spec.originate_tls
    # What is declared by itself is for its own callers: a wildcard beside it is no way around its policy.
    others = tuple(other.server_name for other in routes if route.takes_in(other)) if route.wildcard else ()
    operations: tuple[Rule_To, ...] = ()
    if tls is not None:
        hosts = (route.spec.name, f"{route.spec.name}:*")
        operations = (Rule_To(operation=Operation(hosts=hosts, methods=tls.methods, paths=tls.paths)),)
    return AuthorizationPolicy(
        selector=PolicySelector(match_labels=gateway.pod_labels),
        action=AuthorizationPolicy_Action.ALLOW,
        rules=(
            Rule(
                from_=(Rule_From(source=callers),),
                to=operations,
                when=(Condition(key="connection.sni", values=(route.server_name,), not_values=others),),
            ),
        ),
    )


def _gateway(gateway: GatewaySpec, routes: list[Route]) -> Iterator[Owned]:
    owner = gateway.declared_at
    # Every ALLOW above adds to this one; with no destination at all the gateway still refuses.
    yield Owned(
        Resource(
            metadata=ObjectMeta(name=f"{gateway.name}-allow-nothing", namespace=gateway.home),
            spec=AuthorizationPolicy(selector=PolicySelector(match_labels=gateway.pod_labels)),
        ),
        owner,
    )
    if not routes:
        return
    subsets = tuple(
        Subset(
            name=route.name,
            traffic_policy=TrafficPolicy(
                tls=ClientTLSSettings(
                    mode=ClientTLSSettings_TLSmode.ISTIO_MUTUAL, sni=None if route.wildcard else route.server_name
                )
            ),
        )
        for route in routes
    )
    namespaces = {namespace for route in routes for namespace in route.namespaces}
    yield Owned(
        Resource(
            metadata=ObjectMeta(name=f"{gateway.name}-tunnel", namespace=gateway.home),
            spec=DestinationRule(host=gateway.service_host, subsets=subsets, export_to=tuple(sorted(namespaces))),
        ),
        owner,
    )
    yield from _wildcards(owner, gateway, [route for route in routes if route.wildcard])


def _wildcards(owner: str, gateway: GatewaySpec, routes: list[Route]) -> Iterator[Owned]:
    if not routes:
        return
    forward_sni: dict[str, list[EnvoyFilter_EnvoyConfigObjectPatch]] = {}
    for route in routes:
        for namespace in route.namespaces:
            forward_sni.setdefault(namespace, []).append(
                _before_tcp_proxy(route, EnvoyFilter_PatchContext.SIDECAR_OUTBOUND, _forward_server_name())
            )
    for namespace, patches in sorted(forward_sni.items()):
        yield Owned(
            Resource(
                metadata=ObjectMeta(name=f"{gateway.name}-forward-server-name", namespace=namespace),
                spec=EnvoyFilter(priority=PRIORITY, config_patches=patches),
            ),
            owner,
        )
    resolve = [
        _before_tcp_proxy(route, EnvoyFilter_PatchContext.GATEWAY, _resolve_server_name(route)) for route in routes
    ]
    yield Owned(
        Resource(
            metadata=ObjectMeta(name=f"{gateway.name}-resolve-server-name", namespace=gateway.home),
            spec=EnvoyFilter(
                priority=PRIORITY, workload_selector=WorkloadSelector(labels=gateway.pod_labels), config_patches=resolve
            ),
        ),
        owner,
    )


def _before_tcp_proxy(
    route: Route, context: EnvoyFilter_PatchContext, value: Mapping[str, Any]
) -> EnvoyFilter_EnvoyConfigObjectPatch:
    chain = EnvoyFilter_ListenerMatch_FilterChainMatch(
        sni=route.spec.name, filter=EnvoyFilter_ListenerMatch_FilterMatch(name="envoy.filters.network.tcp_proxy")
    )
    return EnvoyFilter_EnvoyConfigObjectPatch(
        apply_to=EnvoyFilter_ApplyTo.NETWORK_FILTER,
        match=EnvoyFilter_EnvoyConfigObjectMatch(
            context=context, listener=EnvoyFilter_ListenerMatch(filter_chain=chain)
        ),
        patch=EnvoyFilter_Patch(operation=EnvoyFilter_Patch_Operation.INSERT_BEFORE, value=value),
    )


def _forward_server_name() -> Mapping[str, Any]:
    """Ask the gateway for the name that the app asked for: Envoy takes the SNI of an upstream connection from this key.

    https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/well_known_filter_state
    """
    return {
        "name": "envoy.filters.network.set_filter_state",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config",
            "on_new_connection": [
                {
                    "object_key": "envoy.network.upstream_server_name",
                    "format_string": {"text_format_source": {"inline_string": "%REQUESTED_SERVER_NAME%"}},
                }
            ],
        },
    }


def _resolve_server_name(route: Route) -> Mapping[str, Any]:
    """Resolve the server name before the connection is passed on; the cluster then connects to what this cache holds.

    The cache has to be the one of Istio's own cluster for the wildcard, by name and by address family, or Envoy refuses
    the listener:
    https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/network_filters/sni_dynamic_forward_proxy_filter
    """
    return {
        "name": "envoy.filters.network.sni_dynamic_forward_proxy",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig",
            "port_value": route.spec.port,
            "dns_cache_config": {"name": f"{route.spec.name}_dfp_dns_cache", "dns_lookup_family": "V4_ONLY"},
        },
    }
