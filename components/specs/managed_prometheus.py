"""Google's Managed Service for Prometheus and its managed OpenTelemetry in place of collectors of one's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.spec import Duration, Spec, within

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
