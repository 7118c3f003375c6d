"""Where telemetry goes: the extension providers of the mesh configuration.

Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from chatgpt_mesh.istio_api.mesh_config import (
    MeshConfig_ExtensionProvider,
    MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider,
    MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider_LogFormat,
    MeshConfig_ExtensionProvider_HttpService,
    MeshConfig_ExtensionProvider_OpenTelemetryTracingProvider,
    MeshConfig_ExtensionProvider_PrometheusMetricsProvider,
    MeshConfig_ExtensionProvider_ZipkinTracingProvider,
)
from chatgpt_mesh.mesh.problem import Problem
from chatgpt_mesh.mesh.spec import Hostname, HttpPath, PortNumber, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.telemetry import TelemetrySpec

JSON_LOG = "json-log"
"""Name of the access log's provider."""

PROMETHEUS = "prometheus"
"""Name of the metrics' provider."""

LONGEST_TAG = 256
"""Envoy's own default, in characters."""

ACCESS_LOG_FIELDS = {
    "authority": "%REQ(:AUTHORITY)%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration_ms": "%DURATION%",
    "downstream_peer": "%DOWNSTREAM_PEER_URI_SAN%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "protocol": "%PROTOCOL%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "response_code": "%RESPONSE_CODE%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "response_flags": "%RESPONSE_FLAGS%",
    "route_name": "%ROUTE_NAME%",
    "start_time": "%START_TIME%",
    "trace_id": "%TRACE_ID%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "user_agent": "%REQ(USER-AGENT)%",
}
"""Fields of a log line. The path has no query: a query may carry a token."""


class OtlpSpec(Spec):
    """A receiver of the OpenTelemetry protocol: https://opentelemetry.io/docs/specs/otlp/"""

    service: Hostname
    """Full name of the collector's Service, such as otel-collector.observability.svc.cluster.local."""
    port: PortNumber = 4317
    """Port: 4317 for gRPC, 4318 for HTTP by convention."""
    http_path: HttpPath | None = None
    """Send over HTTP to this path, such as /v1/traces. Default: gRPC."""
    max_tag_length: int = Field(default=LONGEST_TAG, ge=1)
    """Longest value of the path tag, in characters."""


class ZipkinSpec(Spec):
    """A receiver of Zipkin's JSON, version 2; Jaeger's collector is one."""

    service: Hostname
    """Full name of the collector's Service."""
    port: PortNumber = 9411
    """Port."""
    path: HttpPath = "/api/v2/spans"
    """Path that takes spans."""
    max_tag_length: int = Field(default=LONGEST_TAG, ge=1)
    """Longest value of the path tag, in characters."""


class BackendSpec(Spec):
    """A backend of traces. Exactly one of otlp and zipkin."""

    otlp: OtlpSpec | None = None
    """OpenTelemetry."""
    zipkin: ZipkinSpec | None = None
    """Zipkin and Jaeger."""

    @property
    def service(self) -> str | None:
        """The Service that proxies send spans to."""
        backend = self.otlp or self.zipkin
        return None if backend is None else backend.service

    def problems(self, path: str) -> Iterator[Problem]:
        if (self.otlp is None) == (self.zipkin is None):
            yield Problem(path, "needs exactly one of otlp and zipkin")


def extension_providers(spec: TelemetrySpec) -> tuple[MeshConfig_ExtensionProvider, ...]:
    """For `meshConfig.extensionProviders`: the backends of traces, Prometheus and the JSON access log."""
    return (
        *(_backend(name, backend) for name, backend in sorted(spec.providers.items())),
        MeshConfig_ExtensionProvider(
            name=PROMETHEUS, prometheus=MeshConfig_ExtensionProvider_PrometheusMetricsProvider()
        ),
        MeshConfig_ExtensionProvider(
            name=JSON_LOG,
            envoy_file_access_log=MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider(
                path="/dev/stdout",
                log_format=MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider_LogFormat(
                    labels=spec.access_log_fields
                ),
            ),
        ),
    )


def _backend(name: str, backend: BackendSpec) -> MeshConfig_ExtensionProvider:
    if backend.zipkin is not None:
        zipkin = backend.zipkin
        return MeshConfig_ExtensionProvider(
            name=name,
            zipkin=MeshConfig_ExtensionProvider_ZipkinTracingProvider(
                service=zipkin.service, port=zipkin.port, path=zipkin.path, max_tag_length=zipkin.max_tag_length
            ),
        )
    otlp = backend.otlp
    assert otlp is not None, "refused by problems()"  # noqa: S101
    http = None
    if otlp.http_path is not None:
        http = MeshConfig_ExtensionProvider_HttpService(path=otlp.http_path, timeout=timedelta(seconds=3))
    return MeshConfig_ExtensionProvider(
        name=name,
        opentelemetry=MeshConfig_ExtensionProvider_OpenTelemetryTracingProvider(
            service=otlp.service, port=otlp.port, http=http, max_tag_length=otlp.max_tag_length
        ),
    )
