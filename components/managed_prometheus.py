"""What Google's Managed Service for Prometheus scrapes of the mesh, as PodMonitorings. Pure.

A PodMonitoring sees the pods of its own namespace, so each namespace of the stack gets one.
https://github.com/GoogleCloudPlatform/prometheus-engine/blob/main/doc/api.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chatgpt_mesh.components.specs.managed_prometheus import ManagedPrometheusSpec

PROXY_PORT, CONTROL_PLANE_PORT, CERT_MANAGER_PORT = 15020, 15014, 9402

INJECTED = "service.istio.io/canonical-name"
"""A label that Istio's injector gives to pods with a sidecar and to gateways alike."""

# A histogram is kept whole: Google makes a distribution of its three parts, and none of two.
OF_PROXIES = (
    "istio_requests_total",
    "istio_request_duration_milliseconds_(bucket|sum|count)",
    "istio_tcp_connections_opened_total",
    "istio_tcp_sent_bytes_total",
    "envoy_cluster_outlier_detection_ejections_active",
    "envoy_cluster_upstream_rq_pending_overflow",
    "envoy_http_downstream_rq_active",
    "envoy_listener_ssl_certificate_.*_expiration_unix_time_seconds",
)
OF_THE_CONTROL_PLANE = (
    "citadel_server_authentication_failure_count",
    "citadel_server_root_cert_expiry_timestamp",
    "citadel_server_success_cert_issuance_count",
    "istio_build",
    "pilot_jwks_resolver_network_fetch_(success|fail)_total",
    "pilot_proxy_convergence_time_(bucket|sum|count)",
    "pilot_sds_certificate_errors_total",
    "pilot_total_rejected_configs",
    "pilot_total_xds_rejects",
    "pilot_xds",
    "pilot_xds_push_time_(bucket|sum|count)",
    "pilot_xds_pushes",
)
OF_CERT_MANAGER = ("certmanager_certificate_expiration_timestamp_seconds",)
"""Names of the metrics that dashboards and alerts read, as regular expressions; each holds for a whole name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraped:
    """Where there is something to scrape."""

    proxies: Sequence[str]
    """Namespaces of apps and gateways."""
    control_plane: bool
    """Whether istiod is this stack's."""
    cert_manager: str | None
    """Namespace of cert-manager, where this stack installs it."""


def pod_monitorings(spec: ManagedPrometheusSpec, scraped: Scraped) -> Iterator[dict[str, Any]]:
    """One of the proxies of each namespace, one of istiod, one of cert-manager."""
    injected = {"matchExpressions": [{"key": INJECTED, "operator": "Exists"}]}
    for namespace in scraped.proxies:
        endpoint = _endpoint(spec, PROXY_PORT, OF_PROXIES, path="/stats/prometheus")
        yield _pod_monitoring("mesh-proxies", namespace, injected, endpoint)
    if scraped.control_plane:
        endpoint = _endpoint(spec, CONTROL_PLANE_PORT, OF_THE_CONTROL_PLANE)
        yield _pod_monitoring("mesh-istiod", ROOT_NAMESPACE, {"matchLabels": {"app": "istiod"}}, endpoint)
    if scraped.cert_manager is not None:
        labels = {"app.kubernetes.io/name": "cert-manager", "app.kubernetes.io/component": "controller"}
        endpoint = _endpoint(spec, CERT_MANAGER_PORT, OF_CERT_MANAGER)
        yield _pod_monitoring("mesh-cert-manager", scraped.cert_manager, {"matchLabels": labels}, endpoint)


def kept(names: Iterable[str]) -> dict[str, Any]:
    """The rule of a scrape that keeps metrics of these names alone. Prometheus anchors it at both ends."""
    return {"action": "keep", "sourceLabels": ["__name__"], "regex": "|".join(names)}


def _endpoint(spec: ManagedPrometheusSpec, port: int, names: Iterable[str], path: str = "/metrics") -> dict[str, Any]:
    return {
        "port": port,
        "path": path,
        "interval": f"{int(spec.interval.total_seconds())}s",
        **({} if spec.every_metric else {"metricRelabeling": [kept(names)]}),
    }


def _pod_monitoring(name: str, namespace: str, selector: dict[str, Any], endpoint: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.googleapis.com/v1",
        "kind": "PodMonitoring",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, "endpoints": [endpoint]},
    }
