"""Prometheus, where this stack installs it: https://github.com/prometheus-community/helm-charts/tree/main/charts/prometheus"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, Memory, ObjectName, OwnNamespace
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Duration, HttpsUrl, Spec, within

PORT = 9090

if TYPE_CHECKING:
    PrometheusChartVersion = str
    ServerAddress = str
else:
    PrometheusChartVersion = text_like(
        r"2[5-7]\.[0-9]{1,3}\.[0-9]{1,3}",
        "must be a version of the chart `prometheus` from 25 to 27, whose values have the layout that is written here, "
        "such as 27.19.0",
        longest=10,
        examples=["27.19.0"],
    )
    ServerAddress = text_like(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.svc(\.[a-z0-9.-]*[a-z0-9])?)?:[0-9]{1,5}",
        "must be a Service with its namespace and port, such as alertmanager.monitoring:9093",
        longest=253,
        examples=["alertmanager.monitoring:9093"],
    )


class PrometheusResourcesSpec(ResourcesSpec):
    """Kubernetes resource quantities of the server."""

    cpu: Cpu = "500m"
    """Requested CPU."""
    memory: Memory = "2Gi"
    """Requested memory: about 8 KiB for each series."""
    memory_limit: Memory | None = "4Gi"
    """Limit of memory."""


class PrometheusSpec(Spec):
    """A Prometheus of this stack's: it scrapes proxies, istiod and cert-manager, and loads the alerts.

    It has no address outside the cluster. Grafana and Kiali of this stack reach it, and nothing else does.
    """

    version: PrometheusChartVersion
    """Version of the chart `prometheus`."""
    repository: HttpsUrl = "https://prometheus-community.github.io/helm-charts"
    """Helm repository of the chart, or your mirror of it."""
    namespace: Annotated[DnsLabel, OwnNamespace] = "mesh-prometheus"
    """Namespace that is made for it."""
    interval: Annotated[Duration, within("5s", "60s", "alerts look at five minutes")] = Field(
        default=timedelta(seconds=30), validate_default=True
    )
    """Time between two scrapes, in whole seconds."""
    every_metric: bool = False
    """Also what neither a dashboard nor an alert of this stack reads, Kiali's further graphs among them, and with it
    what apps expose where Istio merges it."""
    retention_days: Annotated[int, Field(ge=3, le=400)] = 15
    """Days that samples are kept. Alerts look at three."""
    storage: Memory = "50Gi"
    """Size of its volume. A sample takes one to two bytes."""
    storage_class: ObjectName | None = None
    """Class of the volume. Default: the cluster's own."""
    alertmanager: ServerAddress | None = None
    """Where alerts are sent. Default: nowhere, so that they are seen in Grafana alone."""
    resources: PrometheusResourcesSpec = PrometheusResourcesSpec()
    """Requests and limits of the server."""

    @property
    def url(self) -> str:
        """Where the rest of the stack reads."""
        return f"http://prometheus.{self.namespace}:{PORT}"
