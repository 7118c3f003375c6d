"""A waypoint with other listeners than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.gateway_api.listeners import HBONE_PORT, Role

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP912",
    WARNING,
    "A waypoint with other listeners than its own",
    symptoms=("a Gateway is not accepted", "a setting has no effect"),
    why="""
A waypoint has one listener, on port 15008 with the protocol HBONE. Istio opens nothing for others and marks them as
not accepted; without that one it takes `allowedRoutes` of none.
""",
    bad="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec:
  gatewayClassName: istio-waypoint
  listeners:
  - {name: mesh, port: 15008, protocol: HBONE}
  - {name: http, port: 80, protocol: HTTP}
""",
    good="""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
""",
    sources=("https://istio.io/latest/docs/ambient/usage/waypoint/",),
)
def check(mesh: MeshView) -> Hits:
    for gateway in mesh.api_gateways:
        if gateway.role is not Role.WAYPOINT:
            continue
        for listener in gateway.listeners:
            if (listener.port, listener.protocol) != (HBONE_PORT, "HBONE"):
                problem = f"is {listener.protocol} on port {listener.port}, which a waypoint does not open"
                yield Hit(listener.obj, listener.path, problem, f"have one listener: port {HBONE_PORT}, protocol HBONE")
