"""How a gateway reads and answers HTTP, and keeps its connections, as far as Istio has no word for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.objects import envoy_patches, grants, rate_limit, request_size, response_headers
from chatgpt_mesh.mesh.objects.auth import verification
from chatgpt_mesh.mesh.objects.parts import envoy_filters, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.objects.owned import Owned
    from chatgpt_mesh.mesh.specs.client_keepalive import ClientKeepaliveSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


def objects(graph: Graph, gateway: GatewaySpec) -> Iterator[Owned]:
    """Per gateway: refusal of ambiguous header names, sampling that no client decides, what its own answers say (the
    challenge of 401, the wait of 429, the headers of every answer), the filter that holds bodies back, and keepalive of
    its clients. Where there are many answers, the later ones stand in objects of their own."""
    fields: dict[str, Any] = {"early_header_mutation_extensions": [WITHOUT_CLIENTS_TRACE]}
    if gateway.reject_header_underscores:
        fields["common_http_protocol_options"] = {"headers_with_underscores_action": "REJECT_REQUEST"}
    mappers = [
        mapper
        for app, auth, host in verification.guarded(graph, gateway)
        for mapper in verification.unverified_answers(app, auth, host)
    ]
    mappers += verification.granted_answers(graph, gateway)
    mappers += rate_limit.limited_answers(graph, gateway)
    mappers += response_headers.of_proxys_own_answers(graph.apps.values(), gateway)
    # The first that takes an answer is the only one, so they are merged in their order.
    first, *later = parts(mappers, written=dict) if mappers else ([],)
    if first:
        fields["local_reply_config"] = {"mappers": first}
    patches = [envoy_patches.connection_manager(fields), *request_size.filters(graph, gateway)]
    patches += grants.expiry_filters(graph, gateway)
    if gateway.keepalive is not None:
        patches.append(envoy_patches.listener({"socket_options": keepalive(gateway.keepalive)}))
    further = ([envoy_patches.connection_manager({"local_reply_config": {"mappers": one}})] for one in later)
    yield from envoy_filters(gateway, f"{gateway.name}-http", [patches, *further])


WITHOUT_CLIENTS_TRACE = {
    "name": "envoy.http.early_header_mutation.header_mutation",
    "typed_config": envoy_patches.typed(
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        {"mutations": [{"remove": "x-client-trace-id"}]},
    ),
}
"""By this header alone a client has a trace made at any percent: Istio has Envoy hear it, and no word against it.
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-client-trace-id"""


# The numbers of Linux, which is what Envoy hands to the kernel; connections take them over from the listening socket.
# https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/socket_option.proto
SOL_SOCKET, SO_KEEPALIVE = 1, 9
IPPROTO_TCP, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT = 6, 4, 5, 6


def keepalive(spec: ClientKeepaliveSpec) -> list[dict[str, Any]]:
    """Socket options of a listener: Istio's own keepalive is for connections that a proxy opens."""
    options = (
        ("keep clients' connections alive", SOL_SOCKET, SO_KEEPALIVE, 1),
        ("seconds of silence before the first probe", IPPROTO_TCP, TCP_KEEPIDLE, int(spec.time.total_seconds())),
        ("seconds between probes", IPPROTO_TCP, TCP_KEEPINTVL, int(spec.interval.total_seconds())),
        ("unanswered probes that end a connection", IPPROTO_TCP, TCP_KEEPCNT, spec.probes),
    )
    return [
        {"description": what, "level": level, "name": name, "int_value": value, "state": "STATE_PREBIND"}
        for what, level, name, value in options
    ]
