"""What is in sight: whether something that is not among the objects may stand where nobody has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.directions import selects_gateway

if TYPE_CHECKING:
    from meshlint.view.mesh import MeshView


def namespace_of_unseen_routes(mesh: MeshView, home: str) -> str:
    """A namespace that may have routes at a gateway in `home`, and of which no object is in sight; or empty."""
    return mesh.once(("namespace of unseen routes", home), lambda: _namespace_of_unseen_routes(mesh, home))


def _namespace_of_unseen_routes(mesh: MeshView, home: str) -> str:
    for gateway in mesh.gateways:
        for server in gateway.servers if gateway.obj.namespace == home else ():
            for namespace, _ in server.hosts:
                if namespace != "*" and not mesh.shows_namespace(namespace):
                    return namespace
    return ""


def routes_in_sight(mesh: MeshView, home: str, selector: dict[str, str]) -> bool:
    """Whether the routes that requests take to the pods of a selector are among the objects, if the pods may be a
    gateway's; requests to other pods meet policies only."""
    if selector and not selects_gateway(mesh, home, selector):
        return True
    return mesh.shows("VirtualService") and not namespace_of_unseen_routes(mesh, home)
