"""HTTP/2 forced towards a port that does not say it speaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, Unseen, rule
from meshlint.view.fields import text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP208",
    WARNING,
    "HTTP/2 forced towards a port that does not say it speaks it",
    symptoms=("502 with flag UPE", "a service answers 502 after an upgrade"),
    why="""
`h2UpgradePolicy: UPGRADE` makes proxies speak HTTP/2 to the port. Between two sidecars that works; an app without one
that speaks HTTP/1.1 only fails. Say it at the Service instead: `appProtocol: kubernetes.io/h2c` or a port name
`http2-...`.
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
  host: web
  trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http2, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}
""",
    sources=("https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/",),
)
def check(mesh: MeshView) -> Hits:
    for rule_ in mesh.destination_rules:
        service = mesh.service_by_fqdn.get(rule_.fqdn)
        if service is not None and any(port.protocol in ("http2", "grpc", "h2c") for port in service.ports):
            continue
        for path, policy in rule_.policies():
            if text(policy, "connectionPool", "http", "h2UpgradePolicy") == "UPGRADE":
                if service is None and not mesh.environment.whole_mesh:
                    yield Unseen(rule_.obj, f"Service for {rule_.host}")
                    break
                where = (*path, "connectionPool", "http", "h2UpgradePolicy")
                problem = "forces HTTP/2 on ports that do not say they speak it"
                yield Hit(rule_.obj, where, problem, "remove it, or name the Service's port http2 or appProtocol h2c")
