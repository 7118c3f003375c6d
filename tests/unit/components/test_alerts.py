"""Each alert fires on its fault, with the windows that ship, and ends with it; Prometheus itself is asked."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chatgpt_mesh.components.alerts import Alert, Windows, groups, manifest
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
from chatgpt_mesh.components.specs.observability import AlertsSpec
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from tests.lab.alerts.faults import FAULTS
from tests.surroundings import ROOT
from tests.unit.components.promtool import checked, hold
from tests.unit.mesh.stack import mesh
from tests.unit.review.stacks import edited, version

pytestmark = pytest.mark.unit

SPEC = AlertsSpec.model_validate({"namespace": "observability"})
HOST = "weather.weather.svc.cluster.local"

WATCHED = edited(
    "  chatgpt-mesh:apps:",
    """  chatgpt-mesh:telemetry: {metrics: {proxies: true}}
  chatgpt-mesh:security:
    exceptions:
      - workload: weather
        namespace: weather
        port: 9090
        until: "2027-01-31"
        why: the old Prometheus
        from_networks: [10.0.0.0/16]
  chatgpt-mesh:apps:""",
)


def declared(directory: Path, text: str = WATCHED) -> Mesh:
    return version(directory, "test", text).mesh


def rules(directory: Path, spec: AlertsSpec = SPEC, text: str = WATCHED) -> list[dict[str, Any]]:
    return groups(spec, declared(directory, text), ())


def requests(code: str, each_minute: str, **labels: str) -> dict[str, str]:
    """A series of `istio_requests_total` that grows by so many each minute."""
    given = {
        "reporter": "source",
        "destination_service": HOST,
        "destination_service_namespace": "weather",
        "destination_version": "v1",
        "response_code": code,
        **labels,
    }
    matchers = ",".join(f'{name}="{value}"' for name, value in given.items())
    return {"series": f"istio_requests_total{{{matchers}}}", "values": each_minute}


def fires(name: str, at: str, *labels: dict[str, str]) -> dict[str, Any]:
    """`labels` of each alert that fires; none: nothing does."""
    return {"eval_time": at, "alertname": name, "exp_alerts": [{"exp_labels": one} for one in labels]}


def without_summaries(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """promtool compares annotations too, and texts are not what these tests are about."""
    return [
        {
            **group,
            "rules": [{key: value for key, value in rule.items() if key != "annotations"} for rule in group["rules"]],
        }
        for group in found
    ]


@pytest.mark.parametrize("stack", ["prod", "staging"])
@pytest.mark.parametrize("divisor", [1, 60, 300])
def test_prometheus_takes_every_rule_of_the_stacks_that_ship(stack: str, divisor: int, tmp_path: Path) -> None:
    from chatgpt_mesh.stack import settings

    spec = settings.load_stack(ROOT / f"Pulumi.{stack}.yaml", date(2026, 11, 24))
    found = groups(SPEC.model_copy(update={"time_divisor": divisor}), Mesh(spec, date(2026, 11, 24)), spec.accept)
    said = checked(found, tmp_path)
    assert f"SUCCESS: {sum(len(group['rules']) for group in found)} rules found" in said


def test_every_alert_has_a_fault_in_the_lab(tmp_path: Path) -> None:
    """What fires there: tests/lab/test_alerts.py."""
    assert {alert for alert, _ in FAULTS} == set(Alert)
    risk = AcceptedRiskSpec(code="MCP315", object="RequestAuthentication/a/b", until=date(2027, 1, 20), why="a partner")
    made = [*groups(SPEC, declared(tmp_path), [risk])]
    alerts = [rule for group in made for rule in group["rules"] if "alert" in rule]
    assert {(rule["alert"], rule["labels"]["severity"]) for rule in alerts} == {*FAULTS}


def test_every_alert_has_a_row_on_its_page() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert [alert for alert in Alert if f"\n| {alert} | " not in page] == []


def test_no_wait_is_left_undivided(tmp_path: Path) -> None:
    short = [*groups(SPEC.model_copy(update={"time_divisor": 300}), declared(tmp_path), ())]
    waits = {rule["for"] for group in short for rule in group["rules"] if "alert" in rule}
    assert waits == {"0s", "1s", "3s"}


def test_a_budget_that_burns_fast_pages_and_the_alert_ends_soon_after(tmp_path: Path) -> None:
    labels = {"severity": "page", "window": "1h", "destination_service": HOST}
    # 100 requests a minute, of which 5 fail for an hour and a half: fifty times the budget of 0.1 %.
    series = [requests("200", "0+100x300"), requests("503", "0+5x90 450+0x210")]
    six, slow = {**labels, "window": "6h"}, {**labels, "severity": "ticket", "window": "3d"}
    hold(
        without_summaries(rules(tmp_path)),
        tmp_path,
        {
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": [
                fires("AppBurnsItsErrorBudget", "1m"),
                fires("AppBurnsItsErrorBudget", "80m", labels, six, slow),
                fires("AppBurnsItsErrorBudget", "110m", six, slow),
                # Nobody is paged any more; that the budget of the month has suffered stays to be looked at.
                fires("AppBurnsItsErrorBudget", "150m", slow),
            ],
        },
    )


def test_a_trickle_of_errors_pages_nobody(tmp_path: Path) -> None:
    series = [requests("200", "0+2000x120"), requests("503", "0+1x120")]
    quiet = {
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [fires("AppBurnsItsErrorBudget", "100m")],
    }
    hold(without_summaries(rules(tmp_path)), tmp_path, quiet)


def test_a_canary_that_fails_more_than_stable(tmp_path: Path) -> None:
    labels = {"severity": "page", "app": "weather", "version": "v2"}
    bad = {"destination_version": "v2"}
    series = [
        requests("200", "0+100x60"),
        requests("200", "0+4x60", **bad),
        requests("500", "0+0x10 1+1x20 21+0x30", **bad),
    ]
    few = [requests("200", "0+100x60"), requests("500", "0+0x10 1+0x20", **bad)]
    # Its pods are all gone, and Istio calls the version of what no pod answered unknown.
    gone = [*series[:2], requests("503", "0+0x10 1+1x20 21+0x30", destination_version="unknown")]
    alike = [*series, requests("500", "0+40x60")]
    names = "CanaryFailsMoreThanStable"
    hold(
        without_summaries(rules(tmp_path)),
        tmp_path,
        {
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": [fires(names, "9m"), fires(names, "28m", labels), fires(names, "55m")],
        },
        {"interval": "1m", "input_series": few, "alert_rule_test": [fires(names, "18m")]},
        {"interval": "1m", "input_series": gone, "alert_rule_test": [fires(names, "28m", labels)]},
        {"interval": "1m", "input_series": alike, "alert_rule_test": [fires(names, "28m")]},
    )


def test_a_canary_that_is_slower_than_stable(tmp_path: Path) -> None:
    def bucket(version: str, le: str, values: str) -> dict[str, str]:
        called = f'reporter="source",destination_service="{HOST}",destination_version="{version}",le="{le}"'
        return {"series": f"istio_request_duration_milliseconds_bucket{{{called}}}", "values": values}

    series = [
        requests("200", "0+100x60"),
        requests("200", "0+10x60", destination_version="v2"),
        *(bucket("v1", le, "0+100x60") for le in ("250", "1000", "+Inf")),
        bucket("v2", "250", "0+0x60"),
        *(bucket("v2", le, "0+10x60") for le in ("1000", "+Inf")),
    ]
    labels = {"severity": "ticket", "app": "weather", "version": "v2"}
    hold(
        without_summaries(rules(tmp_path)),
        tmp_path,
        {
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": [fires("CanaryIsSlowerThanStable", "25m", labels)],
        },
    )


def test_a_certificate_that_nobody_renews(tmp_path: Path) -> None:
    metric = "envoy_listener_ssl_certificate_kubernetes___edge_expiration_unix_time_seconds"
    labels = {"severity": "ticket", "gateway": "public", "listener": "https", "seen_by": "gateway"}
    days = 24 * 3600
    # Times of promtool begin at 0. Renewed after twenty minutes.
    series = [{"series": f'{metric}{{pod="a"}}', "values": f"{13 * days}x20 {90 * days}x20"}]
    hold(
        without_summaries(rules(tmp_path)),
        tmp_path,
        {
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": [
                fires("GatewayCertificateEnds", "15m", labels),
                fires("GatewayCertificateEnds", "35m"),
            ],
        },
    )


def test_a_certificate_that_lives_for_days_is_told_of_in_time(tmp_path: Path) -> None:
    short = WATCHED.replace("tls: {secret: edge}", "tls: {secret: edge, cert_manager: {issuer: ca, duration: 48h}}")
    short = short.replace(
        "  chatgpt-mesh:apps:",
        "  chatgpt-mesh:cert_manager: {}\n  chatgpt-mesh:certificate_issuers: {ca: {ca: {secret: ca}}}\n"
        "  chatgpt-mesh:apps:",
    )
    found = next(group for group in rules(tmp_path, text=short) if group["name"] == "mesh-certificates")
    assert [rule["expr"].partition(" < ")[2] for rule in found["rules"]] == [str(8 * 3600)] * 2
    assert 'certmanager_certificate_expiration_timestamp_seconds{name="edge"}' in found["rules"][1]["expr"]


@pytest.mark.parametrize(
    ("name", "series", "labels"),
    [
        ("ProxyRefusedUpdate", 'pilot_total_xds_rejects{type="lds"}', {"severity": "page", "type": "lds"}),
        ("IssuerKeysFail", "pilot_jwks_resolver_network_fetch_fail_total", {"severity": "page"}),
    ],
)
def test_the_first_failure_of_all_is_told_and_forgotten(
    name: str, series: str, labels: dict[str, str], tmp_path: Path
) -> None:
    """The counter is not there before its first failure, so its rate would miss it."""
    hold(
        without_summaries(rules(tmp_path)),
        tmp_path,
        {
            "interval": "1m",
            "input_series": [{"series": series, "values": "_x10 1x60"}],
            "alert_rule_test": [fires(name, "9m"), fires(name, "12m", labels), fires(name, "55m")],
        },
    )


def test_a_control_plane_that_nobody_hears_of(tmp_path: Path) -> None:
    labels = {"severity": "ticket", "component": "pilot"}
    hold(
        without_summaries(rules(tmp_path)),
        tmp_path,
        {
            "interval": "1m",
            "input_series": [{"series": 'istio_build{component="pilot"}', "values": "1x10 _x60"}],
            "alert_rule_test": [
                fires("ControlPlaneIsNotScraped", "9m"),
                fires("ControlPlaneIsNotScraped", "50m", labels),
            ],
        },
    )


def test_a_dated_exception_runs_out(tmp_path: Path) -> None:
    risk = AcceptedRiskSpec(code="MCP315", object="RequestAuthentication/a/b", until=date(1970, 1, 20), why="a partner")
    found = groups(SPEC, declared(tmp_path), [risk])
    (group,) = [one for one in found if one["name"] == "mesh-exceptions"]
    assert [rule["labels"]["exception"] for rule in group["rules"]] == ["security.exceptions[0]", "accept[0]"]
    assert "port 9090 of weather in weather takes plaintext" in group["rules"][0]["annotations"]["summary"]
    labels = {"severity": "ticket", "exception": "accept[0]"}
    # Fourteen days before the end of 20 January 1970 is its seventh.
    hold(
        without_summaries(found),
        tmp_path,
        {
            "interval": "1h",
            "input_series": [],
            "alert_rule_test": [fires("ExceptionRunsOut", "5d"), fires("ExceptionRunsOut", "7d", labels)],
        },
    )


def test_both_formats_hold_the_same_rules(tmp_path: Path) -> None:
    made = declared(tmp_path)
    operator = manifest(AlertsSpec(namespace="observability", labels={"release": "p"}), made, ())
    assert (operator["apiVersion"], operator["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert operator["metadata"] == {"name": "mesh-alerts", "namespace": "observability", "labels": {"release": "p"}}
    managed = manifest(AlertsSpec(format="managed_prometheus"), made, ())
    assert (managed["apiVersion"], managed["kind"]) == ("monitoring.googleapis.com/v1", "ClusterRules")
    assert managed["metadata"] == {"name": "mesh-alerts"}
    assert managed["spec"] == operator["spec"]


@pytest.mark.parametrize("wrong", [{}, {"format": "managed_prometheus", "namespace": "a"}, {"objective_percent": 100}])
def test_what_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlertsSpec.model_validate(wrong)


def test_every_span_is_divided() -> None:
    assert [Windows(1)(seconds) for seconds in (300, 3600, 86400, 90)] == ["5m", "1h", "1d", "90s"]
    assert [Windows(60)(seconds) for seconds in (300, 3600, 86400, 30)] == ["5s", "1m", "24m", "1s"]


def test_versions_that_no_label_tells_apart_are_not_compared() -> None:
    app = "{{versions: {{v1: {0}, v2: {1}}}, rollout: {{stable: v1, canary: {{version: v2, percent: 5}}}}}}"
    named = mesh(app.format("{}", "{}"))
    assert any(group["name"] == "mesh-canaries" for group in groups(SPEC, named, ()))
    other = mesh(app.format("{labels: {track: a}}", "{labels: {track: b}}"))
    assert not any(group["name"] == "mesh-canaries" for group in groups(SPEC, other, ()))


@pytest.mark.parametrize(
    ("telemetry", "said"),
    [
        ("{}", "telemetry.metrics.proxies: is false, so that nothing says when the certificate of gateways.public"),
        ("{metrics: {proxies: true, drop: [reporter]}}", "telemetry.metrics.drop: takes away reporter, from which"),
    ],
)
def test_alerts_that_would_watch_nothing_are_refused(telemetry: str, said: str, tmp_path: Path) -> None:
    text = edited(
        "  chatgpt-mesh:apps:",
        f"  chatgpt-mesh:telemetry: {telemetry}\n"
        "  chatgpt-mesh:observability: {alerts: {namespace: observability}}\n  chatgpt-mesh:apps:",
    )
    with pytest.raises(InvalidConfig) as mistakes:
        version(tmp_path, "test", text)
    assert said in str(mistakes.value)


def test_proxies_export_what_alerts_and_dashboards_read_and_only_then(tmp_path: Path) -> None:
    config = mesh_config(declared(tmp_path)).to_dict()["defaultConfig"]
    matcher = config["proxyStatsMatcher"]
    assert "outlier_detection.ejections_active" in matcher["inclusionSuffixes"]
    (pattern,) = matcher["inclusionRegexps"]
    name = "listener.0.0.0.0_8443.ssl.certificate.kubernetes://edge.expiration_unix_time_seconds"
    assert re.fullmatch(pattern, name)
    assert not re.fullmatch(pattern, name.replace("kubernetes://edge", "default")), "those of the mesh live a day"
    assert "proxyStatsMatcher" not in mesh_config(mesh()).to_dict()["defaultConfig"]
