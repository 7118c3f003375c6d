"""Paths that a proxy and an app may read differently, refused at apps that are reachable by a prefix.

A policy on `/api/v1/*` is walked around by `/api/v1/%2f..%2f..%2fadmin` where the app decodes once more than the proxy.
Gateways have no route for such paths (`mesh.virtual_services`); a caller in the mesh meets this filter at the app.
Istio
normalizes paths for the whole mesh only, and would then also take `//mcp` for `/mcp`, so this is an EnvoyFilter.
Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh import envoy_patches
from chatgpt_mesh.mesh.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.app import AppSpec
    from chatgpt_mesh.mesh.graph import Graph

REFUSE_ESCAPED_SLASHES = envoy_patches.connection_manager(
    {"path_with_escaped_slashes_action": "REJECT_REQUEST"}, envoy_patches.SIDECAR_INBOUND
)


def objects(graph: Graph, name: str, app: AppSpec) -> Iterator[Owned]:
    if any(endpoint.path.endswith("/") for edge in graph.edges[name] for endpoint in edge.endpoints):
        spec = envoy_patches.envoy_filter([REFUSE_ESCAPED_SLASHES], app.pod_labels(name))
        metadata = ObjectMeta(name=f"{name}-paths", namespace=app.namespace)
        yield Owned(Resource(metadata=metadata, spec=spec), f"apps.{name}")
