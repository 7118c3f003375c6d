"""A source range that allows everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import INFO, Hit, rule
from meshlint.view.fields import strings
from meshlint.view.installation import public_services

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP711",
    INFO,
    "A source range that allows everything",
    symptoms=("a setting has no effect",),
    why="""
`loadBalancerSourceRanges: ["0.0.0.0/0"]` is what the absence of the field means, but reads like a restriction.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-ingress}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  loadBalancerSourceRanges: ["0.0.0.0/0"]
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
    sources=("https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/",),
)
def check(mesh: MeshView) -> Hits:
    for obj, path, service in public_services(mesh):
        if {"0.0.0.0/0", "::/0"} & set(strings(service, "loadBalancerSourceRanges")):
            where = (*path, "loadBalancerSourceRanges")
            yield Hit(obj, where, "allows every address, as its absence does", "remove it, or name the real ranges")
