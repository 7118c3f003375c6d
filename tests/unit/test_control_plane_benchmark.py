"""The benchmark of the control plane compares what it says, and reads istiod's metrics as they are."""

from __future__ import annotations

import pytest

from tests.benchmarks import control_plane
from tests.benchmarks.control_plane import Metrics

pytestmark = pytest.mark.unit

EXPOSITION = """\
# HELP pilot_xds_pushes Pilot build and send errors for lds, rds, cds and eds.
# TYPE pilot_xds_pushes counter
pilot_xds_pushes{type="cds"} 4
pilot_xds_pushes{type="rds"} 7
process_cpu_seconds_total 12.5
pilot_xds_config_size_bytes_bucket{type="rds",le="1"} 0
pilot_xds_config_size_bytes_sum{type="rds"} 1.5e+06
pilot_xds_config_size_bytes_sum{type="lds"} 500000
"""


class Pod:
    def fetch(self, port: int, path: str) -> str:
        assert (port, path) == (15014, "/metrics")
        return EXPOSITION


class Lab:
    def pods(self, namespace: str, selector: str) -> list[Pod]:
        assert (namespace, selector) == ("istio-system", "app=istiod")
        return [Pod()]


def test_metrics_are_summed_over_the_labels_that_are_asked_for() -> None:
    metrics = Metrics.of(Lab())  # pyright: ignore[reportArgumentType]
    assert metrics.total("process_cpu_seconds_total") == 12.5
    assert metrics.total("pilot_xds_pushes", 'type="rds"') == 7
    assert metrics.total("pilot_xds_pushes") == 11
    assert metrics.total("pilot_xds_config_size_bytes_sum") == 2_000_000
    assert metrics.total("pilot_xds_push_time_sum") == 0


def test_the_page_has_the_goal_at_500_services_and_compares_with_a_mesh_that_is_not_narrowed() -> None:
    figures = {
        "p95_seconds": 0.2,
        "istiod_cpu_milliseconds": 10.0,
        "push_milliseconds": 2.0,
        "bytes_sent": 1_000,
        "uninvolved_bytes": 200_000,
        "istiod_mib": 100,
    }
    plain = {**figures, "uninvolved_bytes": 4_000_000, "bytes_sent": 0}
    runs = [{"services": count, "apps": 1, "narrowed": figures, "plain": plain} for count in (10, 500)]
    rows = control_plane.tables({"runs": runs})[control_plane.PLACES[0]]
    by_what = {row.what: row for row in rows}
    assert by_what["10 services, 1 app: an edit in force at the gateway, p95"].goal == ""
    assert by_what["500 services, 1 app: an edit in force at the gateway, p95"].goal == "0.3 s"
    configuration = by_what["500 services, 1 app: configuration of a proxy that calls nobody"]
    assert (configuration.figure, configuration.plain, configuration.ratio) == (
        "200,000 bytes",
        "4,000,000 bytes",
        0.05,
    )
    assert by_what["500 services, 1 app: sent for an edit"].ratio is None
