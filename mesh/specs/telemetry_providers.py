"""Backends of traces, and the fields of a line of the access log.

Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Count, Hostname, HttpPath, PortNumber, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

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


MCP_LOG_FIELDS = {
    f"mcp_{name}": f"%DYNAMIC_METADATA(mcp.call:{name})%" for name in ("method", "tool", "session", "protocol_version")
}
"""Fields of a log line about a call, which the gateway's reading of it leaves in metadata that no client writes
(mesh/objects/auth/read_call.lua)."""


class OtlpSpec(Spec):
    """A receiver of the OpenTelemetry protocol: https://opentelemetry.io/docs/specs/otlp/"""

    service: Hostname
    """Full name of the collector's Service, such as otel-collector.observability.svc.cluster.local."""
    port: PortNumber = 4317
    """Port: 4317 for gRPC, 4318 for HTTP by convention."""
    http_path: HttpPath | None = None
    """Send over HTTP to this path, such as /v1/traces. Default: gRPC."""
    max_tag_length: Count = Field(default=LONGEST_TAG, ge=1)
    """Longest value of the path tag, in characters."""


class ZipkinSpec(Spec):
    """A receiver of Zipkin's JSON, version 2; Jaeger's collector is one."""

    service: Hostname
    """Full name of the collector's Service."""
    port: PortNumber = 9411
    """Port."""
    path: HttpPath = "/api/v2/spans"
    """Path that takes spans."""
    max_tag_length: Count = Field(default=LONGEST_TAG, ge=1)
    """Longest value of the path tag, in characters."""


class BackendSpec(Spec):
    """A backend of traces. Exactly one of otlp and zipkin."""

    otlp: OtlpSpec | None = None
    """OpenTelemetry."""
    zipkin: ZipkinSpec | None = None
    """Zipkin and Jaeger."""

    @property
    def max_tag_length(self) -> int:
        """Longest value of the path tag, in characters."""
        backend = self.otlp or self.zipkin
        return LONGEST_TAG if backend is None else backend.max_tag_length

    @property
    def service(self) -> str | None:
        """The Service that proxies send spans to."""
        backend = self.otlp or self.zipkin
        return None if backend is None else backend.service

    def problems(self, path: str) -> Iterator[Problem]:
        if (self.otlp is None) == (self.zipkin is None):
            yield Problem(path, "needs exactly one of otlp and zipkin")
