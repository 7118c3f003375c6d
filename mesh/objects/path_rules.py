"""Paths that a proxy and an app may read differently, refused at apps that are reachable by a prefix.

A policy on `/api/v1/*` is walked around by `/api/v1/%2f..%2f..%2fadmin` where the app decodes once more than the proxy.
Gateways have no route for such paths (`mesh.objects.host_routes`); a caller in the mesh meets this filter at the app.
Istio normalizes paths for the whole mesh only, and would then also take `//mcp` for `/mcp`, so this is an EnvoyFilter.
Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.app import AppSpec

REFUSE_ESCAPED_SLASHES = envoy_patches.connection_manager(
    {"path_with_escaped_slashes_action": "REJECT_REQUEST"}, envoy_patches.SIDECAR_INBOUND
)


def objects(graph: Graph, app: AppSpec) -> Iterator[Owned]:
    if any(endpoint.path.endswith("/") for edge in graph.edges[app.name] for endpoint in edge.endpoints):
        spec = envoy_patches.envoy_filter([REFUSE_ESCAPED_SLASHES], app.pod_labels)
        metadata = ObjectMeta(name=f"{app.name}-paths", namespace=app.namespace)
        yield Owned(Resource(metadata=metadata, spec=spec), app.declared_at)
