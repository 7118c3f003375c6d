"""VirtualServices of an app: one per host at a gateway, and one for callers in the mesh.

They are two objects of one owner because routes by verified claims exist only at gateways (Istio's webhook refuses them
together with `mesh`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.networking import HTTPRoute, VirtualService
from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.mesh.objects import mesh_routes, request_size
from chatgpt_mesh.mesh.objects.answers import redirect
from chatgpt_mesh.mesh.objects.auth import calls
from chatgpt_mesh.mesh.objects.host_routes import HostRoutes
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.objects.response_headers import on_every_answer
from chatgpt_mesh.mesh.objects.rollout import destinations, handed_off

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.app import AppSpec, Exposure
    from chatgpt_mesh.mesh.specs.rollout import CanaryConfig, RolloutSpec


def host_virtual_service_name(app: AppSpec, exposure: Exposure) -> str:
    return app.name if exposure.path == "host" else f"{app.name}-{exposure.host.replace('.', '-')}"


def objects(graph: Graph, app: AppSpec) -> Iterator[Owned]:
    rollout = app.rollout
    if app.service is None and not app.exposures:
        return
    for exposure in app.exposures:
        if exposure.redirect is not None:
            yield _redirecting(graph, app, exposure, exposure.redirect)
    if rollout is not None and rollout.managed_by == "flagger":
        return
    if rollout is not None and handed_off(app) and rollout.canary is not None:
        yield _moved_by_a_controller(app, rollout, rollout.canary)
    for exposure in app.served:
        gateway = graph.gateways[exposure.gateway]
        found = request_size.limited(app, HostRoutes(graph, app, exposure).routes())
        routes = on_every_answer(app.response_headers, found)
        if not routes:
            continue
        virtual_service = VirtualService(
            hosts=(exposure.host,), gateways=(f"{gateway.home}/{gateway.name}",), http=routes
        )
        metadata = ObjectMeta(name=host_virtual_service_name(app, exposure), namespace=app.namespace)
        yield Owned(Resource(metadata=metadata, spec=virtual_service), app.declared_at)
        yield from request_size.objects(metadata.name, app, gateway, routes)
        yield from calls.objects(metadata.name, app, gateway, routes)
    if app.service is not None:
        virtual_service = VirtualService(
            hosts=(app.service_host,),
            gateways=("mesh",),
            http=tuple(mesh_routes.routes(app, graph.calling_namespaces[app.name])),
        )
        metadata = ObjectMeta(name=f"{app.name}-mesh", namespace=app.namespace)
        yield Owned(Resource(metadata=metadata, spec=virtual_service), app.declared_at)


def _redirecting(graph: Graph, app: AppSpec, exposure: Exposure, status: int) -> Owned:
    """A host without paths of its own: every request goes to the main host."""
    gateway, main = graph.gateways[exposure.gateway], app.exposures[0]
    home = graph.gateways[main.gateway]
    port = home.listeners[home.listener_of(main.host) or ""].port
    route = redirect(f"{app.name}.redirect", (), status, host=main.host, port=port)
    routes = on_every_answer(app.response_headers, [route])
    spec = VirtualService(hosts=(exposure.host,), gateways=(f"{gateway.home}/{gateway.name}",), http=routes)
    metadata = ObjectMeta(name=host_virtual_service_name(app, exposure), namespace=app.namespace)
    return Owned(Resource(metadata=metadata, spec=spec), app.declared_at)


def _moved_by_a_controller(app: AppSpec, rollout: RolloutSpec, canary: CanaryConfig) -> Owned:
    """The weighted route alone, to which the hosts' routes delegate."""
    division = ((rollout.stable, 100), (canary.version, 0))
    weighted = HTTPRoute(route=destinations(app, division, keep_zero=True))
    return Owned(
        Resource(
            metadata=ObjectMeta(name=f"{app.name}-rollout", namespace=app.namespace),
            spec=VirtualService(http=(weighted,)),
        ),
        f"{app.declared_at}.rollout",
        ignore_changes=("spec.http",),
    )
