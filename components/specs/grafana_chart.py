"""Grafana, where this stack installs it: https://github.com/grafana/helm-charts/tree/main/charts/grafana"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, Memory, ObjectName
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import HttpsUrl, Spec

PORT = 3000

if TYPE_CHECKING:
    GrafanaChartVersion = str
else:
    GrafanaChartVersion = text_like(
        r"(8|9|10)\.[0-9]{1,3}\.[0-9]{1,3}",
        "must be a version of the chart `grafana` from 8 to 10, such as 9.3.0",
        longest=10,
        examples=["9.3.0"],
    )


class GrafanaResourcesSpec(ResourcesSpec):
    """Kubernetes resource quantities of its pod."""

    cpu: Cpu = "100m"
    """Requested CPU."""
    memory: Memory = "256Mi"
    """Requested memory."""
    memory_limit: Memory | None = "512Mi"
    """Limit of memory."""


class GrafanaInstallSpec(Spec):
    """A Grafana of this stack's, in `grafana.namespace`, made for it. It has no address outside the cluster."""

    version: GrafanaChartVersion
    """Version of the chart `grafana`."""
    repository: HttpsUrl = "https://grafana.github.io/helm-charts"
    """Helm repository of the chart, or your mirror of it."""
    admin_secret: ObjectName = "grafana-admin"  # noqa: S105 - a name
    """Secret of its namespace that you make: `admin-user` and `admin-password`."""
    storage: Memory = "10Gi"
    """Size of the volume with its database; dashboards of this stack are not in it."""
    storage_class: ObjectName | None = None
    """Class of the volume. Default: the cluster's own."""
    resources: GrafanaResourcesSpec = GrafanaResourcesSpec()
    """Requests and limits of its pod."""
