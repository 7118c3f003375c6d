"""A real Prometheus takes every query of the dashboards and every rule, finds data, and alerts fire and end.

The windows of alerts are divided by 60, so that minutes stand for hours; those that ship are tested with promtool, in
tests/unit/components/test_alerts.py. Standard metrics are counted by Envoy's own logger (`lab.istio_metrics`).
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from chatgpt_mesh.components.alerts import groups
from chatgpt_mesh.components.dashboards import dashboards
from chatgpt_mesh.components.specs.observability import AlertsSpec
from chatgpt_mesh.mesh.build import Mesh
from lab import istio_metrics
from lab.workloads.recorder import ANSWER_HEADER, Answer
from lab.workloads.request import Request, send_all
from tests.lab.kubectl import end_leaving_pods, kubectl, wait_rolled_out
from tests.lab.prometheus import Prometheus, scraping
from tests.lab.running_lab import Pod, RunningLab, eventually, new_id
from tests.lab.test_b31_egress_through_gateway import HOST, ask
from tests.lab.test_b46_refused_updates import REFUSED
from tests.unit.golden.product import TODAY

pytestmark = pytest.mark.long

FILLED_WITHIN = 120.0
"""Seconds."""

INTERVAL = "30s"
"""In place of Grafana's $__rate_interval."""

ALERTS = AlertsSpec.model_validate({"namespace": "observability", "time_divisor": 60, "objective_percent": 99.5})

WITHOUT_DATA = {
    "pilot_total_xds_rejects": "no proxy has refused anything",
    "pilot_total_rejected_configs": "istiod takes every object",
    "pilot_jwks_resolver_network_fetch": "the lab's keys are in the objects, and nobody fetches them",
    "pilot_sds_certificate_errors_total": "every Secret is there",
    "citadel_server_authentication_failure_count": "no proxy is refused a certificate",
    'istio_requests_total{reporter="source",destination_service=~': "TLS passes unopened to what staging allows",
}
"""Parts of queries that count what does not happen here, and why."""


@pytest.fixture(scope="module")
def mesh(lab: RunningLab) -> Mesh:
    return Mesh(lab.stack, TODAY)


@pytest.fixture(scope="module")
def prometheus(lab: RunningLab, mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus over proxies that count, with traffic of every kind for as long as the tests run."""
    restart(lab, "public")
    tags = istio_metrics.tags([lab.objects.get("Telemetry", "istio-system", "mesh-default")])
    rules = groups(ALERTS, mesh, ())
    with (
        lab.objects.with_added(istio_metrics.envoy_filter(tags)),
        scraping(lab, proxies(lab), rules, tmp_path_factory.mktemp("prometheus")) as found,
        traffic(lab),
    ):
        yield found


def restart(lab: RunningLab, gateway: str) -> None:
    """A proxy reads at its start which statistics it has, and this one may be of before they were declared."""
    spec = lab.stack.gateways[gateway]
    deployment = f"deployment/{spec.release_name}"
    kubectl(lab, "rollout", "restart", deployment, f"--namespace={spec.home}")
    wait_rolled_out(lab, spec.home, deployment)
    end_leaving_pods(lab, spec.home)


def proxies(lab: RunningLab) -> list[Pod]:
    gateways = [pod for name in lab.stack.gateways for pod in lab.gateway_pods(name)]
    return [*gateways, *lab.mcp_pods(), lab.pod(lab.namespace, "chatgpt-api")]


def api(lab: RunningLab, **headers: str) -> Request:
    """The API through the gateway, by somebody who is over no limit."""
    token = lab.token(subject=new_id("api"))
    return replace(
        lab.call(token=token, headers=headers, url=f"https://{lab.host}/api/v1/orders"), method="GET", body=None
    )


@contextmanager
def traffic(lab: RunningLab) -> Iterator[None]:
    """Calls of tools, of the API and to the internet, refusals of several reasons, some 503."""
    token = lab.token()
    usual = [
        lab.call(token=token),
        lab.call(token=token, tool="execute_sql", arguments={"statement": "select 1"}),
        lab.call(token=lab.token(scopes=["mcp"]), tool="execute_sql"),
        lab.call(token=""),
        lab.call(token="wrong"),
        lab.call(token=token, headers={ANSWER_HEADER: Answer.UNAVAILABLE}),
        lab.call(token=token, headers={ANSWER_HEADER: Answer.RESET}),
        lab.call(token=token, url=f"https://{lab.host}/nowhere"),
        *[api(lab)] * 3,
    ]
    limit = lab.stack.apps["chatgpt-mcp"].rate_limit
    assert limit is not None
    limited = lab.token(subject=new_id("limited"))
    burst = [lab.call("ping", token=limited)] * (limit.requests + 20)
    burst += [replace(api(lab), headers={"authorization": f"Bearer {limited}"})] * 5
    ended = threading.Event()

    def send_on() -> None:
        # Over the limit at both apps, which is an answer of the gateway's.
        send_all(burst, parallel=8)
        for round_ in itertools.count():
            if ended.wait(0.3):
                return
            send_all(usual)
            ask(lab.mcp_pods()[0], HOST)
            if round_ % 20 == 0:
                # Less than what anybody is paged for.
                send_all([api(lab, **{ANSWER_HEADER: Answer.RESET})])

    thread = threading.Thread(target=send_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(60)


def test_every_panel_has_data(prometheus: Prometheus, mesh: Mesh) -> None:
    queries = {
        query.expression.replace("$__rate_interval", INTERVAL)
        for _, dashboard in dashboards(mesh)
        for row in dashboard.rows
        for panel in row.panels
        for query in panel.queries
    }
    assert len(queries) > 50
    # All are taken; those that count what happens have data.
    found = {query: prometheus.query(query) for query in queries}
    waited_for = [query for query in found if not any(part in query for part in WITHOUT_DATA)]
    assert len(waited_for) > len(queries) * 0.8
    deadline = time.monotonic() + FILLED_WITHIN
    while empty := [query for query in waited_for if not prometheus.query(query)]:
        assert time.monotonic() < deadline, f"without data after {FILLED_WITHIN:.0f} s: {empty}"
        time.sleep(1)


def test_every_rule_is_evaluated_and_none_fires_for_nothing(prometheus: Prometheus) -> None:
    assert prometheus.rule_errors() == {}
    assert "ControlPlaneIsNotScraped" not in prometheus.firing()
    assert "GatewayCertificateEnds" not in prometheus.firing()


def test_an_app_that_fails_is_told_of_and_told_off(lab: RunningLab, prometheus: Prometheus) -> None:
    name = "AppBurnsItsErrorBudget"

    def of_api() -> bool:
        firing = prometheus.query(f'ALERTS{{alertname="{name}",alertstate="firing",severity="page"}}')
        return any("chatgpt-api" in one["metric"]["destination_service"] for one in firing)

    assert not of_api()
    failing = api(lab, **{ANSWER_HEADER: Answer.UNAVAILABLE})

    def fires() -> bool:
        send_all([failing] * 5)
        return of_api()

    eventually(fires, within=60, what=f"{name} fires")
    eventually(lambda: not of_api(), within=60, what=f"{name} has ended")


def test_a_refused_update_is_told_of(lab: RunningLab, prometheus: Prometheus) -> None:
    name = "ProxyRefusedUpdate"
    assert name not in prometheus.firing()
    lab.objects.apply(REFUSED)
    try:
        eventually(lambda: name in prometheus.firing(), within=30, what=f"{name} fires")
    finally:
        lab.objects.delete("EnvoyFilter", REFUSED["metadata"]["namespace"], REFUSED["metadata"]["name"])
    eventually(lambda: name not in prometheus.firing(), within=60, what=f"{name} has ended")
