"""Two Services that call one port by two protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP722",
    WARNING,
    "Two Services that call one port by two protocols",
    symptoms=("HTTP routes and policies do not apply to a port",),
    why="""
A pod's port has one inbound listener. Where one Service says HTTP of it and another TCP, which of them counts is not
defined, and with it whether paths, methods and headers mean anything in policies.
""",
    bad="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {serviceAccountName: web, containers: [{name: app, image: "registry.example.com/web:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web-raw, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: tcp-raw, port: 81, targetPort: 8080}]
""",
    good="""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {serviceAccountName: web, containers: [{name: app, image: "registry.example.com/web:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web-raw, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http-raw, port: 81, targetPort: 8080}]
""",
    sources=("https://istio.io/latest/docs/reference/config/analysis/ist0116/",),
    needs=("workloads",),
)
def check(mesh: MeshView) -> Hits:
    for services in mesh.services_by_namespace.values():
        said: dict[tuple[str, int | str], tuple[str, str]] = {}
        for service in services:
            workloads = mesh.backends(service)
            for position, port in enumerate(service.ports):
                for workload in workloads if port.protocol else ():
                    other, name = said.setdefault((workload.obj.key, port.target), (port.protocol, service.obj.name))
                    if other != port.protocol:
                        where = ("spec", "ports", position, "name")
                        problem = f"makes port {port.target} {port.protocol.upper()}, and {name} says {other.upper()}"
                        yield Hit(service.obj, where, problem, "let both say the same")
                        break
