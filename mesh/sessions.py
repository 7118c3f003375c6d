"""Sessions of MCP's legacy era: follow-ups reach the replica that minted the session id.

Consistent hashing on the session id cannot do it: the first request has none, so the id is minted wherever that request
went, and its hash leads elsewhere. Envoy's envelope keeps the address of the minting replica inside the id that the
client gets, and takes it off again on the way in. Istio has no field for it, so this is an EnvoyFilter.
Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/stateful_session_filter
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh import envoy_patches
from chatgpt_mesh.mesh.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.istio_api.networking import (
        EnvoyFilter_EnvoyConfigObjectPatch,
        EnvoyFilter_PatchContext,
        HTTPRoute,
    )
    from chatgpt_mesh.mesh.app import AppSpec
    from chatgpt_mesh.mesh.gateways import GatewaySpec
    from chatgpt_mesh.mesh.graph import Graph

FILTER = "envoy.filters.http.stateful_session"
_V3 = "envoy.extensions.filters.http.stateful_session.v3"

ENVELOPE = envoy_patches.merge(
    {
        "typed_per_filter_config": {
            FILTER: envoy_patches.typed(
                f"{_V3}.StatefulSessionPerRoute",
                {
                    "stateful_session": {
                        "session_state": {
                            "name": "envoy.http.stateful_session.envelope",
                            "typed_config": envoy_patches.typed(
                                "envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState",
                                {"header": {"name": "mcp-session-id"}},
                            ),
                        },
                        # A replica that has gone took its sessions along; 404 from another one makes the client begin
                        # anew.
                        "strict": False,
                    }
                },
            )
        }
    }
)


def kept(app: AppSpec) -> bool:
    return app.mcp is not None and app.mcp.sessions == "envelope" and app.mcp.era != "modern"


def _switched_off(context: EnvoyFilter_PatchContext) -> EnvoyFilter_EnvoyConfigObjectPatch:
    """The filter does nothing on a route that does not ask for it."""
    return envoy_patches.before_router(FILTER, f"{_V3}.StatefulSession", {}, context)


def gateway_objects(graph: Graph) -> Iterator[Owned]:
    """The filter itself, once per gateway that needs it."""
    for name, gateway in graph.gateways.items():
        if any(kept(app) and any(e.gateway == name for e in app.exposures) for app in graph.apps.values()):
            spec = envoy_patches.envoy_filter([_switched_off(envoy_patches.GATEWAY)], gateway.pod_labels)
            yield Owned(
                Resource(metadata=ObjectMeta(name=f"{name}-sessions", namespace=gateway.home), spec=spec),
                f"gateways.{name}",
            )


def _mcp_routes(app: AppSpec, routes: Iterable[HTTPRoute], *, all_routes: bool) -> tuple[str, ...]:
    path = app.mcp.path if app.mcp else ""
    names = (
        route.name or ""
        for route in routes
        if (route.route or route.delegate is not None)
        and (all_routes or any(match.uri is not None and match.uri.exact == path for match in route.match))
    )
    return tuple(dict.fromkeys(names))


def objects(
    virtual_service: str, name: str, app: AppSpec, gateway: GatewaySpec, routes: Iterable[HTTPRoute]
) -> Iterator[Owned]:
    """The envelope on the MCP routes of one host at one gateway."""
    if kept(app):
        patches = [envoy_patches.route(route, ENVELOPE) for route in _mcp_routes(app, routes, all_routes=False)]
        metadata = ObjectMeta(name=f"{virtual_service}-sessions", namespace=gateway.home)
        yield Owned(
            Resource(metadata=metadata, spec=envoy_patches.envoy_filter(patches, gateway.pod_labels)),
            f"apps.{name}.mcp.sessions",
        )


def caller_objects(graph: Graph, name: str, app: AppSpec, routes: Iterable[HTTPRoute]) -> Iterator[Owned]:
    """The same for callers in the mesh, at the sidecars of their namespaces."""
    if not kept(app) or not app.callers:
        return
    context = envoy_patches.SIDECAR_OUTBOUND
    names = _mcp_routes(app, routes, all_routes=True)
    patches = [_switched_off(context), *(envoy_patches.route(route, ENVELOPE, context) for route in names)]
    namespaces = {graph.caller_identity(name, caller).namespace for caller in app.callers}
    for namespace in sorted(namespaces & set(graph.app_namespaces)):
        metadata = ObjectMeta(name=f"{name}-sessions", namespace=namespace)
        yield Owned(
            Resource(metadata=metadata, spec=envoy_patches.envoy_filter(patches, None)), f"apps.{name}.mcp.sessions"
        )
