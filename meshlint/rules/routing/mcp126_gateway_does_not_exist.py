"""A VirtualService for a Gateway that does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, Hit, Unseen, rule
from meshlint.view.fields import strings
from meshlint.view.routing import MESH_GATEWAY, qualified_gateway

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView
    from meshlint.view.routing import VirtualService


@rule(
    "MCP126",
    ERROR,
    "A VirtualService for a Gateway that does not exist",
    symptoms=("the gateway answers 404",),
    why="""
The routes are attached to nothing. A bare name means a Gateway of the VirtualService's own namespace; another
namespace is written `namespace/name`.
""",
    bad="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public, public]
  http:
  - route: [{destination: {host: web}}]
""",
    good="""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["shop.example.com"]
    tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-ingress/public]
  http:
  - route: [{destination: {host: web}}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0101/",),
    needs=("Gateway",),
)
def check(mesh: MeshView) -> Hits:
    for service in mesh.virtual_services:
        for position, name in enumerate(strings(service.obj.spec, "gateways")):
            yield from _look(mesh, service, name, ("spec", "gateways", position))
        for route in service.http:
            for number_, match in enumerate(route.matches):
                for position, name in enumerate(strings(match, "gateways")):
                    path = (*route.path, "match", number_, "gateways", position)
                    yield from _look(mesh, service, name, path)
                    if qualified_gateway(name, service.obj.namespace) not in service.gateways:
                        problem = f"is {name!r}, which spec.gateways does not have, so the match never holds"
                        yield Hit(service.obj, path, problem, "add the gateway to spec.gateways")


def _look(mesh: MeshView, service: VirtualService, name: str, path: Path) -> Hits:
    known = mesh.gateway_by_key
    key = qualified_gateway(name, service.obj.namespace)
    if key == MESH_GATEWAY or key in known:
        return
    bare = key.rpartition("/")[2]
    same_name = [other for other in known if other.rpartition("/")[2] == bare]
    home = key.partition("/")[0]
    if not same_name and not mesh.shows_namespace(home, but=("VirtualService",)):
        yield Unseen(service.obj, f"object of namespace {home}, where the Gateway is looked for")
        return
    mend = f"did you mean {same_name[0]}?" if same_name else "correct the name, or add the Gateway"
    yield Hit(service.obj, path, f"is {name!r}, and there is no Gateway {key}", mend)
