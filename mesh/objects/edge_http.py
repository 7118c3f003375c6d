"""How a gateway reads and answers HTTP, as far as Istio has no word for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects import envoy_patches, request_size, response_headers
from chatgpt_mesh.mesh.objects.auth import verification
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


def objects(graph: Graph, gateway: GatewaySpec) -> Iterator[Owned]:
    """Per gateway: refusal of ambiguous header names, the challenge on its own 401, the headers of its own answers,
    and the filter that holds bodies back."""
    fields: dict[str, Any] = {}
    if gateway.reject_header_underscores:
        fields["common_http_protocol_options"] = {"headers_with_underscores_action": "REJECT_REQUEST"}
    mappers = [
        mapper
        for app, auth, host in verification.guarded(graph, gateway)
        for mapper in verification.unverified_answers(app, auth, host)
    ]
    mappers += response_headers.of_proxys_own_answers(graph.apps.values(), gateway)
    if mappers:
        fields["local_reply_config"] = {"mappers": mappers}
    patches = [envoy_patches.connection_manager(fields)] if fields else []
    patches += request_size.filters(graph, gateway)
    if patches:
        patch = envoy_patches.envoy_filter(patches, gateway.pod_labels)
        metadata = ObjectMeta(name=f"{gateway.name}-http", namespace=gateway.home)
        yield Owned(Resource(metadata=metadata, spec=patch), gateway.declared_at)
