"""Google's own Prometheus and its collector of spans, as the program registers them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.program.gke.registered import cluster, registered
from tests.program.recorded_program import Recorded

pytestmark = pytest.mark.program

POD_MONITORING = "kubernetes:monitoring.googleapis.com/v1:PodMonitoring"
MANAGED: dict[str, Any] = {
    "observability": {"managed_prometheus": {}},
    "apps": {"weather": {"namespace": "weather", "service": {"port": 8080}}},
    "cert_manager": {},
}


def services(recorded: Recorded) -> set[str]:
    return {one.inputs["service"] for one in recorded.of_type("gcp:projects/service:Service")}


def test_each_namespace_of_the_stack_has_a_pod_monitoring_that_waits_for_it() -> None:
    recorded = registered(MANAGED)
    found = {one.name: one for one in recorded.of_type(POD_MONITORING)}
    assert set(found) == {
        "mesh-proxies-weather",
        "mesh-istiod-istio-system",
        "mesh-cert-manager-cert-manager",
    }
    homes = {one.name: one.urn for one in recorded.resources if one.type.endswith(":Namespace")}
    assert homes["weather"] in found["mesh-proxies-weather"].dependencies
    assert found["mesh-proxies-weather"].inputs["metadata"] == {"name": "mesh-proxies", "namespace": "weather"}


def test_there_is_none_where_nobody_asks() -> None:
    assert not registered({"apps": MANAGED["apps"]}).of_type(POD_MONITORING)


def test_the_collector_of_spans_is_one_of_the_clusters_own() -> None:
    recorded = registered({"cluster/observability": {"managed_opentelemetry": True}})
    assert cluster(recorded)["managedOpentelemetryConfig"] == {"scope": "COLLECTION_AND_INSTRUMENTATION_COMPONENTS"}
    assert {"telemetry.googleapis.com", "cloudtrace.googleapis.com"} <= services(recorded)


def test_it_is_left_as_it_is_where_nobody_asks(gke: Recorded) -> None:
    assert "managedOpentelemetryConfig" not in cluster(gke)
    assert not {"telemetry.googleapis.com", "cloudtrace.googleapis.com"} & services(gke)
