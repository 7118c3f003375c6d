"""What Google's Prometheus scrapes: what dashboards and alerts read, all of it and nothing else."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chatgpt_mesh.components.alerts import groups
from chatgpt_mesh.components.dashboards import dashboards
from chatgpt_mesh.components.managed_prometheus import (
    OF_CERT_MANAGER,
    OF_PROXIES,
    OF_THE_CONTROL_PLANE,
    Scraped,
    pod_monitorings,
)
from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
from chatgpt_mesh.components.specs.managed_prometheus import ManagedPrometheusSpec
from chatgpt_mesh.components.specs.observability import AlertsSpec
from tests.unit.components.gke_stack import sentences
from tests.unit.mesh.stack import mesh

pytestmark = pytest.mark.unit

METRIC = re.compile(r"\b(?:istio|envoy|pilot|citadel|certmanager)_[a-z0-9_]+")
EVERYTHING = Scraped(proxies=["shop", "istio-ingress"], control_plane=True, cert_manager="cert-manager")


def made(scraped: Scraped = EVERYTHING, **settings: Any) -> dict[str, dict[str, Any]]:
    """By NAMESPACE/NAME."""
    found = pod_monitorings(ManagedPrometheusSpec.model_validate(settings), scraped)
    return {f"{one['metadata']['namespace']}/{one['metadata']['name']}": one["spec"] for one in found}


def read() -> set[str]:
    """Every metric that a dashboard or an alert asks for."""
    guarded = (
        "{auth: {issuers: [{issuer: https://auth.example.com, jwks_uri: https://k.example}], tools: {a: {scope: b}}}}"
    )
    declared = mesh(guarded, telemetry={"metrics": {"refusals": True, "tools": True, "proxies": True}})
    risk = AcceptedRiskSpec(code="MCP315", object="RequestAuthentication/a/b", until=date(2027, 1, 1), why="a partner")
    asked = [
        query.expression
        for _, dashboard in dashboards(declared)
        for row in dashboard.rows
        for panel in row.panels
        for query in panel.queries
    ]
    asked += [rule["expr"] for group in groups(AlertsSpec(namespace="o"), declared, [risk]) for rule in group["rules"]]
    return {*METRIC.findall(" ".join(asked)), *OF_CERT_MANAGER}


def test_every_namespace_of_the_stack_has_one_and_istiod_and_cert_manager() -> None:
    assert set(made()) == {
        "shop/mesh-proxies",
        "istio-ingress/mesh-proxies",
        "istio-system/mesh-istiod",
        "cert-manager/mesh-cert-manager",
    }
    assert set(made(Scraped(proxies=["shop"], control_plane=False, cert_manager=None))) == {"shop/mesh-proxies"}


def test_pods_with_a_proxy_are_known_by_what_the_injector_writes() -> None:
    assert made()["shop/mesh-proxies"]["selector"] == {
        "matchExpressions": [{"key": "service.istio.io/canonical-name", "operator": "Exists"}]
    }


@pytest.mark.parametrize(
    ("name", "port", "path"),
    [
        ("shop/mesh-proxies", 15020, "/stats/prometheus"),
        ("istio-system/mesh-istiod", 15014, "/metrics"),
        ("cert-manager/mesh-cert-manager", 9402, "/metrics"),
    ],
)
def test_where_each_is_scraped(name: str, port: int, path: str) -> None:
    (endpoint,) = made(interval="10s")[name]["endpoints"]
    assert (endpoint["port"], endpoint["path"], endpoint["interval"]) == (port, path, "10s")


def test_all_that_is_read_is_kept() -> None:
    kept = re.compile("|".join((*OF_PROXIES, *OF_THE_CONTROL_PLANE, *OF_CERT_MANAGER)))
    assert len(read()) > 15
    assert sorted(name for name in read() if not kept.fullmatch(name)) == []


@pytest.mark.parametrize("pattern", [*OF_PROXIES, *OF_THE_CONTROL_PLANE, *OF_CERT_MANAGER])
def test_nothing_is_kept_that_nobody_reads(pattern: str) -> None:
    assert any(re.fullmatch(pattern, name) for name in read())


@pytest.mark.parametrize("pattern", [one for one in (*OF_PROXIES, *OF_THE_CONTROL_PLANE) if "bucket" in one])
def test_a_histogram_is_kept_whole(pattern: str) -> None:
    """Of which Google makes a distribution, and of a part of which it makes none."""
    assert pattern.endswith("_(bucket|sum|count)")


def test_apps_that_pay_for_every_metric_get_them() -> None:
    (endpoint,) = made(every_metric=True)["shop/mesh-proxies"]["endpoints"]
    assert "metricRelabeling" not in endpoint
    (endpoint,) = made()["shop/mesh-proxies"]["endpoints"]
    (rule,) = endpoint["metricRelabeling"]
    assert rule["action"] == "keep"
    assert rule["sourceLabels"] == ["__name__"]


MANAGED: dict[str, Any] = {"observability": {"managed_prometheus": {}}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {**MANAGED, "cluster/observability": {"managed_prometheus": False}},
            "cluster.observability.managed_prometheus: is false, so that the cluster knows no PodMonitoring",
        ),
        (
            {"observability": {"managed_prometheus": {}, "alerts": {"namespace": "observability"}}},
            "observability.alerts.format: must be managed_prometheus where observability.managed_prometheus scrapes",
        ),
        (
            {"observability": {"managed_prometheus": {"interval": "2m"}}},
            'observability.managed_prometheus.interval: must be between "5s" and "60s"',
        ),
        (
            {
                "telemetry": {
                    "providers": {
                        "cloud-trace": {
                            "otlp": {
                                "service": "opentelemetry-collector.gke-managed-otel.svc.cluster.local",
                                "port": 4318,
                                "http_path": "/v1/traces",
                            }
                        }
                    },
                    "tracing": {"provider": "cloud-trace"},
                }
            },
            "cluster.observability.managed_opentelemetry: is false, so that nothing takes the spans of "
            "telemetry.providers.cloud-trace",
        ),
    ],
)
def test_what_nobody_would_scrape_or_read_is_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    (sentence,) = sentences(tmp_path, changes)
    assert sentence.startswith(said)


def test_sound(tmp_path: Path) -> None:
    assert sentences(tmp_path, {**MANAGED, "observability/alerts": {"format": "managed_prometheus"}}) == []
