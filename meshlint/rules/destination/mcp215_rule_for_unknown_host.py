"""A DestinationRule for a host that does not exist."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP215",
    WARNING,
    "A DestinationRule for a host that does not exist",
    symptoms=("a setting has no effect",),
    why="""
A rule applies to a host of the registry. For one that no Service or ServiceEntry has, it applies to nothing. A short
name is one of the rule's own namespace. Judged for namespaces of which the input shows a Service.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: webb
  trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}
""",
    sources=("https://istio.io/latest/docs/reference/config/networking/destination-rule/#DestinationRule",),
    needs=("Service",),
)
def check(mesh: MeshView) -> Hits:
    namespaces = {service.obj.namespace for service in mesh.services}
    for rule_ in mesh.destination_rules:
        _, _, rest = rule_.fqdn.partition(".")
        namespace, _, suffix = rest.partition(".")
        if "*" in rule_.fqdn or suffix != "svc.cluster.local" or namespace not in namespaces:
            continue
        if not mesh.knows_host(rule_.fqdn):
            similar = get_close_matches(rule_.fqdn, [service.fqdn for service in mesh.services[:2000]], n=1)
            mend = f"did you mean {similar[0]}?" if similar else "correct the name, or remove the rule"
            yield Hit(rule_.obj, ("spec", "host"), f"is {rule_.host}, which no Service has", mend)
