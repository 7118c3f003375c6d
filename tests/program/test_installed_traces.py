"""The collector and the store of traces as the program registers them."""

from __future__ import annotations

import pytest

from tests.program.recorded_program import Recorded, run
from tests.surroundings import own_layer

pytestmark = pytest.mark.program


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    own = own_layer("staging")
    seen = {
        "kiali": {"version": "2.21.0", "prometheus": "http://prometheus.observability:9090"},
        "traces": {"version": "1.25.1"},
        "collector": {"version": "0.158.3"},
    }
    found = run("staging", {**own, "observability": seen})
    assert found.error is None, found.error
    return found


@pytest.mark.parametrize(
    ("name", "chart", "version", "namespace"),
    [
        ("tempo", "tempo", "1.25.1", "mesh-traces"),
        ("otel-collector", "opentelemetry-collector", "0.158.3", "mesh-collector"),
    ],
)
def test_each_chart_is_installed_where_it_is_declared_after_the_policy_that_closes_its_namespace(
    recorded: Recorded, name: str, chart: str, version: str, namespace: str
) -> None:
    (found,) = [one for one in recorded.resources if one.type.endswith(":Chart") and one.name == name]
    assert (found.inputs["chart"], found.inputs["version"], found.inputs["namespace"]) == (chart, version, namespace)
    before = recorded.depends_on(found)
    (policy,) = [one for one in recorded.resources if one.name == f"{name}-policy"]
    (home,) = [one for one in recorded.resources if one.type.endswith(":Namespace") and one.name == namespace]
    assert home.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {policy.urn, home.urn} <= before


def test_kiali_is_told_of_the_store(recorded: Recorded) -> None:
    (kiali,) = [one for one in recorded.resources if one.type.endswith(":Chart") and one.name == "kiali"]
    assert kiali.inputs["values"]["external_services"]["tracing"]["internal_url"] == "http://tempo.mesh-traces:3200"
