"""Istio's MeshConfig for a declared mesh. https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.mesh_config import (
    MeshConfig,
    MeshConfig_ProxyPathNormalization,
    MeshConfig_ProxyPathNormalization_NormalizationType,
    MeshConfig_ServiceSettings,
    MeshConfig_ServiceSettings_Settings,
    ProxyConfig,
    ProxyConfig_ProxyStatsMatcher,
)
from chatgpt_mesh.istio_api.networking import HTTPRetry
from chatgpt_mesh.mesh.objects import egress, external_authorization
from chatgpt_mesh.mesh.objects.telemetry_providers import extension_providers
from chatgpt_mesh.mesh.specs.problem import declared_at

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.build import Mesh


_PROXY_STATISTICS = ProxyConfig_ProxyStatsMatcher(
    inclusion_suffixes=("downstream_rq_active", "outlier_detection.ejections_active", "upstream_rq_pending_overflow"),
    # Certificates of listeners that a Secret fills. Those of the mesh itself live a day, and each cluster has one.
    inclusion_regexps=(r"listener\..*\.ssl\.certificate\.kubernetes.*",),
)
"""Names are Envoy's own: https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats"""


def mesh_config(mesh: Mesh) -> MeshConfig:
    """What every proxy of the mesh goes by."""
    with declared_at("telemetry"):
        providers = extension_providers(mesh.spec.telemetry)
    with declared_at("authorizers"):
        authorizers = external_authorization.extension_providers(mesh.spec.authorizers)
    return MeshConfig(
        trust_domain=mesh.spec.trust_domain,
        extension_providers=(*providers, *authorizers),
        outbound_traffic_policy=egress.outbound_traffic_policy(),
        # `/mcp/../metrics` meets policies and routes as what it means. Slashes are neither merged nor decoded: `//mcp`
        # and `/mcp%2f..` are paths of no app, and gateways answer them 404 instead of mending them into one that is.
        # https://istio.io/latest/docs/ops/best-practices/security/#customize-your-system-on-path-normalization
        path_normalization=MeshConfig_ProxyPathNormalization(
            normalization=MeshConfig_ProxyPathNormalization_NormalizationType.BASE
        ),
        # Istio's default repeats a request after a 503, and a tool call must not run twice. A connection that was never
        # made has carried nothing. https://istio.io/latest/docs/concepts/traffic-management/#retries
        default_http_retry_policy=HTTPRetry(attempts=2, retry_on="connect-failure,refused-stream"),
        service_settings=_service_settings(mesh),
        default_config=ProxyConfig(
            drain_duration=mesh.drain_duration,
            proxy_stats_matcher=_PROXY_STATISTICS if mesh.spec.telemetry.metrics.proxies else None,
            # An application that starts before its proxy gets no network, and its first calls fail.
            hold_application_until_proxy_starts=True,
        ),
    )


def _service_settings(mesh: Mesh) -> tuple[MeshConfig_ServiceSettings, ...]:
    """Every Service is its cluster's own, but those of apps that fail over.

    Istio's default is the other way round: what has the same name and namespace in both clusters is one Service, and
    half of its requests would leave their cluster.
    https://istio.io/latest/docs/ops/configuration/traffic-management/multicluster/#keeping-traffic-in-cluster
    """
    shared = tuple(sorted(app.service_host for app in mesh.graph.failing_over))
    if not shared:
        return ()

    def setting(hosts: tuple[str, ...], *, local: bool) -> MeshConfig_ServiceSettings:
        return MeshConfig_ServiceSettings(
            hosts=hosts, settings=MeshConfig_ServiceSettings_Settings(cluster_local=local)
        )

    return (setting(("*",), local=True), setting(shared, local=False))
