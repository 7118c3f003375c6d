"""A real Prometheus takes every query of the dashboards and finds data, for what is usual and for what goes wrong.

Standard metrics are counted by Envoy's own logger (`lab.istio_metrics`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from chatgpt_mesh.components.dashboards import dashboards
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.egress import DestinationSpec
from chatgpt_mesh.stack.settings import Settings
from lab.state import CHECKOUT
from lab.workloads.recorder import ANSWER_HEADER, Answer
from lab.workloads.request import Request, send_all
from tests.lab.alerts.counted_mesh import api, counted_mesh, repeating
from tests.lab.alerts.faults import Scene, authentication, issuer_fails, key_server, update_is_refused
from tests.lab.conftest import PICTURES
from tests.lab.dashboard_pictures import THEMES, draw, lines_of
from tests.lab.kubectl import ISTIO_SYSTEM
from tests.lab.running_lab import RunningLab, new_id
from tests.lab.test_b31_egress_through_gateway import HOST, ask
from tests.unit.golden.product import TODAY

pytestmark = pytest.mark.long

FILLED_WITHIN = 120.0
"""Seconds."""

SHOWN = 300.0
"""Seconds of the pictures that are kept."""

INTERVAL = "30s"
"""In place of Grafana's $__rate_interval."""

OPENED_BY_THE_MESH = "models.googleapis.com"
"""TLS that the mesh opens is counted by requests; what an app opens itself, by connections."""

AUTHORITY_PORT = 15012
SIGN = "/istio.v1.auth.IstioCertificateService/CreateCertificate"


@pytest.fixture(scope="module")
def declared(lab: RunningLab) -> Settings:
    """The deployed stack, and a host to which the mesh opens TLS."""
    host = DestinationSpec.model_validate({"host": OPENED_BY_THE_MESH, "from": ["chatgpt-api"], "originate_tls": {}})
    egress = lab.stack.egress.model_copy(update={"allow": (*lab.stack.egress.allow, host)})
    return lab.stack.model_copy(update={"egress": egress})


@pytest.fixture(scope="module")
def started(scene: Scene) -> float:
    """When the first values may be there (Unix, seconds)."""
    del scene
    return time.time()


@pytest.fixture(scope="module")
def scene(lab: RunningLab, declared: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Prometheus over proxies that count, with traffic of every kind for as long as the tests run."""
    with (
        lab.declaring(declared),
        counted_mesh(lab, [], tmp_path_factory.mktemp("prometheus")) as prometheus,
        traffic(lab),
    ):
        yield Scene(lab, Mesh(declared, TODAY), prometheus)


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
        api(lab, **{ANSWER_HEADER: Answer.RESET}),
    ]
    limit = lab.stack.apps["chatgpt-mcp"].rate_limit
    assert limit is not None
    limited = lab.token(subject=new_id("limited"))
    # The bucket fills while they are sent.
    burst = [lab.call("ping", token=limited)] * (limit.requests + limit.requests // 2)
    burst += [replace(api(lab), headers={"authorization": f"Bearer {limited}"})] * 5
    caller = lab.pod(lab.namespace, "chatgpt-api")

    def turn(number: int) -> None:
        if number == 0:
            # Over the limit at both apps, which is an answer of the gateway's.
            send_all(burst, parallel=8)
        send_all(usual)
        ask(lab.mcp_pods()[0], HOST)
        caller.send(Request(url=f"http://{OPENED_BY_THE_MESH}/v1/models", timeout=5))

    with repeating(turn, every=0.3):
        yield


@contextmanager
def certificate_is_refused(scene: Scene) -> Iterator[None]:
    """istiod's authority is asked for a certificate by somebody whose token is no service account's."""
    lab = scene.lab
    [istiod, *_] = lab.pods(ISTIO_SYSTEM, "app=istiod")
    root: str = lab.core.read_namespaced_config_map("istio-ca-root-cert", lab.namespace).data["root-cert.pem"]
    with grpc.secure_channel(
        f"{istiod.ip}:{AUTHORITY_PORT}",
        grpc.ssl_channel_credentials(root.encode()),
        options=[("grpc.ssl_target_name_override", f"istiod.{ISTIO_SYSTEM}.svc")],
    ) as channel:
        sign: Any = channel.unary_unary(SIGN)
        with pytest.raises(grpc.RpcError) as refused:
            sign(b"", metadata=[("authorization", "Bearer of-nobody")], timeout=10)
    assert "UNAUTHENTICATED" in str(refused.value)
    yield


@contextmanager
def gateway_is_rejected(scene: Scene) -> Iterator[None]:
    """A Gateway whose first server has the hosts of another's, which istiod leaves out, and whose second names a Secret
    that is not there. Its webhook takes both."""
    lab = scene.lab
    home = lab.stack.gateways["public"].home
    live = lab.objects.get("Gateway", home, "public")["spec"]
    [taken, *_] = [one for one in live["servers"] if one.get("tls", {}).get("credentialName")]
    missing = {
        **taken,
        "hosts": ["nobody.example.org"],
        "port": {**taken["port"], "name": "https-nobody"},
        "tls": {"mode": "SIMPLE", "credentialName": "nobody-made-this"},
    }
    gateway = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "with-mistakes", "namespace": home},
        "spec": {
            "selector": live["selector"],
            "servers": [{**taken, "port": {**taken["port"], "name": "https-again"}}, missing],
        },
    }
    with lab.objects.with_added(gateway):
        yield


@contextmanager
def keys_are_fetched(scene: Scene) -> Iterator[None]:
    """An issuer that answers."""
    lab = scene.lab
    with key_server(lab) as (server, url):
        server.answers = True
        with lab.objects.with_added(authentication(lab, "answering", url)):
            yield


FAULTS = (keys_are_fetched, certificate_is_refused, gateway_is_rejected, issuer_fails, update_is_refused)
"""What goes wrong for those queries that count it, and one issuer that does not."""


def test_every_panel_has_data(scene: Scene) -> None:
    queries = {
        query.expression.replace("$__rate_interval", INTERVAL)
        for _, dashboard in dashboards(scene.mesh)
        for row in dashboard.rows
        for panel in row.panels
        for query in panel.queries
    }
    assert len(queries) > 50
    deadline = time.monotonic() + FILLED_WITHIN
    with ExitStack() as faults:
        for fault in FAULTS:
            faults.enter_context(fault(scene))
        while empty := [query for query in queries if not scene.prometheus.query(query)]:
            assert time.monotonic() < deadline, f"without data after {FILLED_WITHIN:.0f} s: {empty}"
            time.sleep(1)


def test_each_dashboard_is_drawn_as_it_ships(
    scene: Scene, started: float, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In light and dark; `--pictures DIRECTORY` keeps them, of some minutes and not of the moment."""
    kept: str | None = request.config.getoption(PICTURES)
    if kept is not None:
        time.sleep(max(0.0, started + SHOWN - time.time()))
    home = tmp_path if kept is None else CHECKOUT / kept
    home.mkdir(parents=True, exist_ok=True)
    end = time.time()
    for name, dashboard in dashboards(scene.mesh):
        shipped = json.loads(dashboard.text())
        panels = [panel for panel in shipped["panels"] if panel["type"] != "row"]
        lines = {panel["title"]: lines_of(panel, scene.prometheus, started, end, INTERVAL) for panel in panels}
        assert not [title for title, found in lines.items() if not found]
        for theme in THEMES:
            draw(shipped, lines, theme, home / f"{name.removeprefix('grafana-')}-{theme}.png")
