"""A gateway that does not see its clients' addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, WARNING, Hit, rule
from meshlint.view.fields import text
from meshlint.view.installation import public_services

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP712",
    INFO,
    "A gateway that does not see its clients' addresses",
    symptoms=("access logs show node addresses", "a split differs from its weights"),
    why="""
With `externalTrafficPolicy: Cluster`, the default, nodes replace the client's address by their own: `remoteIpBlocks`,
rate limits by address and logs then see nodes. `Local` keeps it, and sends traffic only to nodes that run a gateway.
Settle it before clients come: on GKE the load balancer is put together anew for a change of it, in either direction,
and answers nobody for minutes.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  type: LoadBalancer
  selector: {istio: ingressgateway}
  ports: [{name: https, port: 443}]
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
    sources=(
        "https://istio.io/latest/docs/tasks/security/authorization/authz-ingress/#source-ip-address-of-the-original-client",
    ),
    strict=WARNING,
)
def check(mesh: MeshView) -> Hits:
    for obj, path, service in public_services(mesh):
        policy = text(service, "externalTrafficPolicy")
        if policy != "Local":
            said = f"is {policy}" if policy else "is not set, which means Cluster"
            where = (*path, "externalTrafficPolicy")
            yield Hit(obj, where, f"{said}: the gateway sees nodes instead of clients", "write Local")
