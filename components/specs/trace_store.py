"""Grafana Tempo, where this stack installs it: https://github.com/grafana-community/helm-charts/tree/main/charts/tempo"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.gateway_workload import ResourcesSpec
from chatgpt_mesh.mesh.specs.kubernetes_names import Cpu, Memory, ObjectName, OwnNamespace
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpsUrl, Spec

NAME = "tempo"
QUERY_PORT = 3200
SPANS_PORT = 4317

if TYPE_CHECKING:
    TempoChartVersion = str
else:
    TempoChartVersion = text_like(
        r"1\.2[0-5]\.[0-9]{1,3}",
        "must be a version of the chart `tempo` from 1.20 to 1.25, whose values have the layout that is written here, "
        "such as 1.25.1",
        longest=10,
        examples=["1.25.1"],
    )


class TracesResourcesSpec(ResourcesSpec):
    """Kubernetes resource quantities of its pod."""

    cpu: Cpu = "250m"
    """Requested CPU."""
    memory: Memory = "1Gi"
    """Requested memory: the traces of the last minutes are in it."""
    memory_limit: Memory | None = "2Gi"
    """Limit of memory."""


class TracesSpec(Spec):
    """A Grafana Tempo of this stack's, one pod with a volume, which stores what `observability.collector` sends.

    It has no address outside the cluster and no pages of its own: Grafana and Kiali of this stack show its traces.
    """

    version: TempoChartVersion
    """Version of the chart `tempo`."""
    repository: HttpsUrl = "https://grafana-community.github.io/helm-charts"
    """Helm repository of the chart, or your mirror of it."""
    namespace: Annotated[DnsLabel, OwnNamespace] = "mesh-traces"
    """Namespace that is made for it."""
    retention_days: Annotated[int, Field(ge=1, le=90)] = 7
    """Days that traces are kept."""
    storage: Memory = "20Gi"
    """Size of its volume. Nothing but `retention_days` makes room on it."""
    storage_class: ObjectName | None = None
    """Class of the volume. Default: the cluster's own."""
    resources: TracesResourcesSpec = TracesResourcesSpec()
    """Requests and limits of its pod."""

    @property
    def url(self) -> str:
        """Where Grafana and Kiali read."""
        return f"http://{NAME}.{self.namespace}:{QUERY_PORT}"
