"""Ports on a public gateway that nothing serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import elements, mapping, whole
from meshlint.view.installation import public_services

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


@rule(
    "MCP710",
    INFO,
    "Ports on a public gateway that nothing serves",
    symptoms=("a scanner reports open ports",),
    why="""
31400 and 15443 come from old default profiles (plain TCP, and multi-cluster, where no label names a network); 15021 is
the health check and belongs to the load balancer. A port that no Gateway serves is only attack surface.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {istio: ingressgateway}
  ports: [{name: https, port: 443}, {name: tcp, port: 31400}]
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {istio: ingressgateway}
  ports: [{name: https, port: 443}]
""",
    sources=("https://istio.io/latest/docs/ops/best-practices/security/",),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    served = {server.number for gateway in mesh.gateways for server in gateway.servers}
    for obj, path, service in public_services(mesh):
        for position, port in enumerate(elements(service, "ports")):
            listed = whole(port, "port")
            if listed == BETWEEN_NETWORKS and _leads_into_a_network(obj):
                continue
            if listed in OLD and listed not in served:
                problem = f"is {listed} ({OLD[listed]}), which no Gateway serves"
                yield Hit(obj, (*path, "ports", position, "port"), problem, "remove it")


def _leads_into_a_network(obj: Manifest) -> bool:
    """Whether it is a gateway between networks, by the label that istiod finds it by."""
    return NETWORK in obj.labels or NETWORK in mapping(obj.body, "values", "labels")


BETWEEN_NETWORKS = 15443

NETWORK = "topology.istio.io/network"

OLD = {
    31400: "plain TCP of old profiles",
    15443: "multi-cluster",
    15012: "istiod's own port",
    15017: "the webhook's port",
}
