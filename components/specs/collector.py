"""An OpenTelemetry collector between proxies and a store of traces.

https://github.com/open-telemetry/opentelemetry-helm-charts/tree/main/charts/opentelemetry-collector
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, Memory, OwnNamespace
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpsUrl, Spec, authority_refusal

NAME = "otel-collector"
GRPC_PORT, HTTP_PORT, ZIPKIN_PORT = 4317, 4318, 9411
HTTP_PATH = "/v1/traces"
"""The only path that OTLP over HTTP takes spans at: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request"""

if TYPE_CHECKING:
    CollectorChartVersion = str
    SpansUrl = str
else:
    CollectorChartVersion = text_like(
        r"0\.1[1-5][0-9]\.[0-9]{1,3}",
        "must be a version of the chart `opentelemetry-collector` from 0.110 to 0.159, whose values have the layout "
        "that is written here, such as 0.158.3",
        longest=12,
        examples=["0.158.3"],
    )
    SpansUrl = text_like(
        r"https?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?:[0-9]{1,5}",
        "must be where OTLP over gRPC is taken, with its port and without a path: https://otlp.example.com:4317, or "
        "http://tempo.tracing:4317 inside the cluster",
        longest=300,
        examples=["https://otlp.example.com:4317"],
        further=authority_refusal,
    )


class CollectorResourcesSpec(ResourcesSpec):
    """Kubernetes resource quantities of each pod."""

    cpu: Cpu = "100m"
    """Requested CPU."""
    memory: Memory = "256Mi"
    """Requested memory."""
    memory_limit: Memory | None = "512Mi"
    """Limit of memory, which is required: at four fifths of it the collector refuses spans, and is not killed."""


class CollectorSpec(Spec):
    """An OpenTelemetry collector of this stack's, which hands spans on and neither logs nor metrics.

    Proxies send to `otel-collector.NAMESPACE.svc.cluster.local` once a `telemetry.providers` names it. Only pods in
    namespaces of the stack's apps and gateways reach it.
    """

    version: CollectorChartVersion
    """Version of the chart `opentelemetry-collector`."""
    repository: HttpsUrl = "https://open-telemetry.github.io/opentelemetry-helm-charts"
    """Helm repository of the chart, or your mirror of it."""
    namespace: Annotated[DnsLabel, OwnNamespace] = "mesh-collector"
    """Namespace that is made for it."""
    http: bool = False
    """Also take OTLP over HTTP, at port 4318; over gRPC it is taken in any case, at 4317."""
    zipkin: bool = False
    """Also take Zipkin's JSON, at port 9411."""
    endpoint: SpansUrl | None = None
    """Where spans go, by OTLP over gRPC, with TLS for https; no header or token is sent. Default:
    observability.traces."""
    replicas: Annotated[int, Field(ge=1, le=10)] = 2
    """Pods. Each hands on what it gets; none has to see a whole trace."""
    resources: CollectorResourcesSpec = CollectorResourcesSpec()
    """Requests and limits of each pod."""

    @property
    def service(self) -> str:
        """The full name of its Service, as `telemetry.providers` names it."""
        return f"{NAME}.{self.namespace}.svc.cluster.local"
