"""A telemetry provider whose Service does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import elements, text, whole

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP608",
    WARNING,
    "A telemetry provider whose Service does not exist",
    symptoms=("no traces arrive", "access logs are empty"),
    why="""
istiod drops tracing towards a Service that its registry does not hold, with a line in its log. Judged for namespaces
of which the input shows a Service.
""",
    bad="""
apiVersion: v1
kind: Service
metadata: {name: otel-collector, namespace: observability}
spec:
  selector: {app: otel}
  ports: [{name: grpc, port: 4317}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    extensionProviders:
    - name: otel
      opentelemetry: {service: otel.observability.svc.cluster.local, port: 4317}
""",
    good="""
apiVersion: v1
kind: Service
metadata: {name: otel-collector, namespace: observability}
spec:
  selector: {app: otel}
  ports: [{name: grpc, port: 4317}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    extensionProviders:
    - name: otel
      opentelemetry: {service: otel-collector.observability.svc.cluster.local, port: 4317}
""",
    sources=("https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider",),
    needs=("installation", "Service"),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    namespaces = {service.obj.namespace for service in mesh.services}
    for config in mesh.mesh_configs:
        for position, provider in enumerate(elements(config.values, "extensionProviders")):
            for kind, settings in provider.items():
                host = text(settings, "service").rpartition("/")[2]
                port = whole(settings, "port")
                where = (*config.path, "extensionProviders", position, kind)
                service = mesh.service_by_fqdn.get(host)
                if service is not None and port and port not in {found.number for found in service.ports}:
                    yield Hit(
                        config.obj, (*where, "port"), f"is {port}, which {host} does not have", "name a port of it"
                    )
                in_cluster = host.endswith(".svc.cluster.local") and host.split(".")[1] in namespaces
                if in_cluster and service is None and not mesh.knows_host(host):
                    problem = f"is {host}, and no Service has that name"
                    yield Hit(config.obj, (*where, "service"), problem, "deploy it, or correct the name")
