"""Google's Managed Service for Prometheus and its managed OpenTelemetry in place of collectors of one's own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Duration, Spec, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.components.specs.cluster import ClusterSpec
    from chatgpt_mesh.components.specs.observability import ObservabilitySpec
    from chatgpt_mesh.mesh.specs.telemetry import TelemetrySpec

TRACES_NAMESPACE = "gke-managed-otel"
"""Where GKE runs its collector: https://docs.cloud.google.com/kubernetes-engine/docs/how-to/managed-otel-gke"""


class ManagedPrometheusSpec(Spec):
    """Scraping of proxies, istiod and cert-manager by Google's Managed Service for Prometheus.

    https://cloud.google.com/stackdriver/docs/managed-prometheus/setup-managed
    """

    interval: Annotated[Duration, within("5s", "60s", "alerts look at five minutes")] = Field(
        default=timedelta(seconds=30), validate_default=True
    )
    """Time between two scrapes, in whole seconds."""
    every_metric: bool = False
    """Also what neither a dashboard nor an alert of this stack reads, and with it what apps expose where Istio merges
    it. Each sample is billed."""


def problems(read: Mapping[str, Any]) -> Iterator[Problem]:
    """What nobody would scrape or read. `read` are the settings that parsed, by name."""
    cluster: ClusterSpec | None = read.get("cluster")
    observability: ObservabilitySpec | None = read.get("observability")
    telemetry: TelemetrySpec | None = read.get("telemetry")
    made = cluster.observability if cluster is not None and cluster.kind == "gke" else None
    if observability is not None and observability.managed_prometheus is not None:
        if made is not None and not made.managed_prometheus:
            yield Problem(
                "cluster.observability.managed_prometheus",
                "is false, so that the cluster knows no PodMonitoring, which observability.managed_prometheus makes; "
                "set it to true, or remove that",
                False,
            )
        alerts = observability.alerts
        if alerts is not None and alerts.format != "managed_prometheus":
            yield Problem(
                "observability.alerts.format",
                "must be managed_prometheus where observability.managed_prometheus scrapes: nothing else has the "
                "metrics that the rules read",
                alerts.format,
            )
    if made is None or made.managed_opentelemetry or telemetry is None:
        return
    for name, provider in telemetry.providers.items():
        if provider.service is not None and f".{TRACES_NAMESPACE}." in provider.service:
            yield Problem(
                "cluster.observability.managed_opentelemetry",
                f"is false, so that nothing takes the spans of telemetry.providers.{name}; set it to true",
                False,
            )
            return
