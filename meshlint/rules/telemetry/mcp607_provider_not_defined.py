"""A telemetry provider that the mesh does not define."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import ERROR, WARNING, Hit, rule
from meshlint.view.fields import elements, strings, text

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP607",
    WARNING,
    "A telemetry provider that the mesh does not define",
    symptoms=("access logs are empty", "no traces arrive", "metrics vanish after a change"),
    why="""
A Telemetry names providers of `meshConfig.extensionProviders`. istiod ignores one that it does not know, with a line
in its log. Setting `extensionProviders` does not remove Istio's own `prometheus`, `stackdriver` and `envoy`.
""",
    bad="""
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    extensionProviders:
    - name: otel
      opentelemetry: {service: otel.observability.svc.cluster.local, port: 4317}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing: [{providers: [{name: jaeger}], randomSamplingPercentage: 1}]
""",
    good="""
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    extensionProviders:
    - name: otel
      opentelemetry: {service: otel.observability.svc.cluster.local, port: 4317}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: shop}
spec:
  tracing: [{providers: [{name: otel}], randomSamplingPercentage: 1}]
""",
    sources=("https://istio.io/latest/docs/tasks/observability/telemetry/",),
    needs=("installation",),
    strict=ERROR,
)
def check(mesh: MeshView) -> Hits:
    providers = {
        text(provider, "name"): [name for name in provider if name != "name"]
        for config in mesh.mesh_configs
        for provider in elements(config.values, "extensionProviders")
    }
    known = BUILT_IN | set(providers)
    for obj in mesh.istio("Telemetry"):
        for block in ("tracing", "metrics", "accessLogging"):
            for position, entry in enumerate(elements(obj.spec, block)):
                for index, provider in enumerate(elements(entry, "providers")):
                    name = text(provider, "name")
                    where = ("spec", block, position, "providers", index, "name")
                    if name not in known:
                        problem = f"is {name!r}, which extensionProviders does not define"
                        yield Hit(obj, where, problem, f"use one of {', '.join(sorted(known))}, or define it")
                    elif block == "tracing" and set(providers.get(name, ())) & NO_TRACING:
                        problem = f"is {name!r}, which is no tracing provider"
                        yield Hit(obj, where, problem, "name an opentelemetry or zipkin provider")
    for config in mesh.mesh_configs:
        for block in ("tracing", "metrics", "accessLogging"):
            for position, name in enumerate(strings(config.values, "defaultProviders", block)):
                if name not in known:
                    where = (*config.path, "defaultProviders", block, position)
                    problem = f"is {name!r}, which extensionProviders does not define"
                    yield Hit(config.obj, where, problem, f"use one of {', '.join(sorted(known))}")


BUILT_IN = {"prometheus", "stackdriver", "envoy"}
NO_TRACING = {
    "prometheus",
    "envoyFileAccessLog",
    "envoyHttpAls",
    "envoyTcpAls",
    "envoyExtAuthzHttp",
    "envoyExtAuthzGrpc",
}
