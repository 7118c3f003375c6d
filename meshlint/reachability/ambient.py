"""Who sends by a ztunnel, and which requests a waypoint gets.

Sources: istio.io/latest/docs/ambient/usage/waypoint; which clients send to a waypoint is istiod's
(pilot/pkg/xds/endpoints): ztunnels do, gateways where the Service says `istio.io/ingress-use-waypoint`, sidecars never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.reachability.identities import labels_of, principal_of
from meshlint.view.gateway_api.listeners import Role

if TYPE_CHECKING:
    from meshlint.view.gateway_api.listeners import ApiGateway
    from meshlint.view.kubernetes import Service
    from meshlint.view.mesh import MeshView


def is_ambient_caller(mesh: MeshView, namespace: str, principal: str) -> bool:
    """Whether the pods of a caller in the mesh send by a ztunnel. `namespace` is empty where a gateway sends."""
    if not namespace or not principal or not mesh.has_ambient:
        return False
    account = principal.rpartition("/")[2]
    return mesh.once(
        ("ambient caller", namespace, account),
        lambda: any(mesh.is_ambient(namespace, labels) for labels in labels_of(mesh, namespace, account)),
    )


def waypoint_on_way(mesh: MeshView, service: Service | None, namespace: str, principal: str) -> ApiGateway | None:
    """The waypoint that a request for a Service passes; None for one that goes straight to its pods."""
    if service is None or not principal or not mesh.has_ambient:
        return None
    waypoint = mesh.waypoint_of(service)
    if waypoint is None or principal in mesh.once("waypoints", lambda: _principals(mesh)):
        return None
    if namespace:
        return waypoint if is_ambient_caller(mesh, namespace, principal) else None
    return waypoint if mesh.ingress_uses_waypoint(service) else None


def _principals(mesh: MeshView) -> frozenset[str]:
    return frozenset(
        principal_of(mesh, gateway.obj.namespace, gateway.service_account)
        for gateway in mesh.api_gateways
        if gateway.role is Role.WAYPOINT
    )
