"""Where telemetry goes: the extension providers of the mesh configuration.

Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.mesh_config import (
    MeshConfig_ExtensionProvider,
    MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider,
    MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider_LogFormat,
    MeshConfig_ExtensionProvider_HttpService,
    MeshConfig_ExtensionProvider_OpenTelemetryTracingProvider,
    MeshConfig_ExtensionProvider_PrometheusMetricsProvider,
    MeshConfig_ExtensionProvider_ZipkinTracingProvider,
)
from chatgpt_mesh.mesh.specs.telemetry_providers import JSON_LOG, PROMETHEUS, BackendSpec

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.telemetry import TelemetrySpec


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
