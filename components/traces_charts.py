"""Values of the charts of Grafana Tempo and of the OpenTelemetry collector. Pure.

https://github.com/grafana-community/helm-charts/blob/main/charts/tempo/values.yaml
https://github.com/open-telemetry/opentelemetry-helm-charts/blob/main/charts/opentelemetry-collector/values.yaml
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.components.observability_charts import volume_class
from chatgpt_mesh.components.restricted_pods import RESTRICTED, owning_volumes, requested
from chatgpt_mesh.components.specs import collector, trace_store

if TYPE_CHECKING:
    from chatgpt_mesh.components.specs.collector import CollectorSpec
    from chatgpt_mesh.components.specs.trace_store import TracesSpec

_NOBODY = owning_volumes(10001)
"""The user of both images."""


def tempo_values(spec: TracesSpec) -> dict[str, Any]:
    """Values of the chart `tempo`. Its further receivers stay, since the chart's Service names them; the namespace's
    policy lets nobody reach them."""
    return {
        # Collector, Grafana and Kiali know it by this name.
        "fullnameOverride": trace_store.NAME,
        "replicas": 1,
        "tempo": {
            "retention": f"{spec.retention_days * 24}h",
            # Nothing about this cluster is told to others.
            "reportingEnabled": False,
            "server": {"http_listen_port": trace_store.QUERY_PORT},
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"0.0.0.0:{trace_store.SPANS_PORT}"}}}},
            "resources": requested(spec.resources),
            "securityContext": RESTRICTED,
        },
        "persistence": {
            "enabled": True,
            "size": spec.storage,
            **volume_class("storageClassName", spec.storage_class),
        },
        "securityContext": _NOBODY,
        # It asks the API server for nothing.
        "serviceAccount": {"automountServiceAccountToken": False},
        "service": {"type": "ClusterIP"},
    }


def collector_values(spec: CollectorSpec, traces: TracesSpec | None) -> dict[str, Any]:
    """Values of the chart `opentelemetry-collector`."""
    return {
        # The name that a provider of telemetry has.
        "fullnameOverride": collector.NAME,
        "mode": "deployment",
        "image": {"repository": "otel/opentelemetry-collector-k8s"},
        "command": {"name": "otelcol-k8s"},
        "replicaCount": spec.replicas,
        # The chart's own would be merged into `config`, with receivers that nobody asked for.
        "alternateConfig": collector_config(spec, traces),
        "ports": _ports(spec),
        "resources": requested(spec.resources),
        "podSecurityContext": _NOBODY,
        "securityContext": RESTRICTED,
        "service": {"type": "ClusterIP"},
        "ingress": {"enabled": False},
        **({"podDisruptionBudget": {"enabled": True, "minAvailable": 1}} if spec.replicas > 1 else {}),
    }


_OF_THE_CHART = ("otlp", "otlp-http", "jaeger-compact", "jaeger-thrift", "jaeger-grpc", "zipkin")


def _ports(spec: CollectorSpec) -> dict[str, Any]:
    """Istio takes a port's protocol from its name, and the chart's own names say none.

    https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
    """
    opened = {"grpc-otlp": collector.GRPC_PORT}
    if spec.http:
        opened["http-otlp"] = collector.HTTP_PORT
    if spec.zipkin:
        opened["http-zipkin"] = collector.ZIPKIN_PORT
    return {
        **{name: {"enabled": False} for name in _OF_THE_CHART},
        **{
            name: {"enabled": True, "containerPort": port, "servicePort": port, "protocol": "TCP"}
            for name, port in opened.items()
        },
    }


_OWN = "${env:MY_POD_IP}"
"""The pod's address, which the chart sets. https://opentelemetry.io/docs/security/config-best-practices/"""


def collector_config(spec: CollectorSpec, traces: TracesSpec | None) -> dict[str, Any]:
    """The collector's configuration, one pipeline of spans: https://opentelemetry.io/docs/collector/configuration/"""
    protocols = {"grpc": {"endpoint": f"{_OWN}:{collector.GRPC_PORT}"}}
    if spec.http:
        protocols["http"] = {"endpoint": f"{_OWN}:{collector.HTTP_PORT}"}
    receivers: dict[str, Any] = {"otlp": {"protocols": protocols}}
    if spec.zipkin:
        receivers["zipkin"] = {"endpoint": f"{_OWN}:{collector.ZIPKIN_PORT}"}
    return {
        "extensions": {"health_check": {"endpoint": f"{_OWN}:13133"}},
        "receivers": receivers,
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 25},
            "batch": {"send_batch_size": 8192, "timeout": "1s"},
        },
        "exporters": {"otlp": _exporter(spec, traces)},
        "service": {
            "extensions": ["health_check"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "traces": {
                    "receivers": list(receivers),
                    # The limiter first: what it refuses has taken no memory yet.
                    "processors": ["memory_limiter", "batch"],
                    "exporters": ["otlp"],
                }
            },
        },
    }


def _exporter(spec: CollectorSpec, traces: TracesSpec | None) -> dict[str, Any]:
    if spec.endpoint is not None:
        scheme, _, server = spec.endpoint.partition("://")
        return {"endpoint": server, "tls": {"insecure": scheme == "http"}}
    if traces is None:
        raise ValueError("observability.collector has neither an endpoint nor observability.traces")
    # Between two namespaces without proxies, and closed to all others.
    return {"endpoint": f"{trace_store.NAME}.{traces.namespace}:{trace_store.SPANS_PORT}", "tls": {"insecure": True}}
