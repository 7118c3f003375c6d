"""A fault for each alert. Inside the context it is there, after it is mended; what is sent meanwhile is part of it.

Counts are of `lab.istio_metrics`, since an upstream Envoy lacks Istio's filter. What breaks is real: Envoy refuses the
update, istiod asks for keys in vain, the gateway serves the certificate.
"""

from __future__ import annotations

import base64
import http.server
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from chatgpt_mesh.components.alerts import Alert, Severity, groups
from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
from chatgpt_mesh.components.specs.observability import AlertsSpec
from chatgpt_mesh.mesh.build import Mesh
from lab import edge, pki
from lab.network import NODE_ADDRESS
from lab.workloads.recorder import ANSWER_HEADER, Answer
from tests.lab.alerts.counted_mesh import api, pinned, sending
from tests.lab.prometheus import Prometheus
from tests.lab.running_lab import RunningLab, eventually, new_id
from tests.lab.test_b46_refused_updates import REFUSED

ALERTS = AlertsSpec.model_validate({"namespace": "observability", "time_divisor": 90, "objective_percent": 99.5})
"""By 90 the shortest window is three seconds, in which a counter that is read each second can still be seen to grow."""

_ISSUER_ASKED_WITHIN = 30.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a fault is brought about."""

    lab: RunningLab
    mesh: Mesh
    prometheus: Prometheus


Fault = Callable[[Scene], AbstractContextManager[None]]


@contextmanager
def api_fails(scene: Scene) -> Iterator[None]:
    """Every answer of the API is 503."""
    with sending(*[api(scene.lab, **{ANSWER_HEADER: Answer.UNAVAILABLE})] * 5):
        yield


@contextmanager
def canary_fails(scene: Scene) -> Iterator[None]:
    """The canary answers 503, the stable version does not."""
    lab = scene.lab
    failing = lab.call(token=lab.token(subject=new_id("canary")), headers={ANSWER_HEADER: Answer.UNAVAILABLE})
    with sending(*_to_both(lab), *pinned(lab, [failing] * 5)):
        yield


@contextmanager
def canary_is_slow(scene: Scene) -> Iterator[None]:
    """The canary takes 0.6 s for what it does, the stable version milliseconds."""
    lab = scene.lab
    slow = lab.call(
        token=lab.token(subject=new_id("canary")), tool="stream", arguments={"seconds": 0.6, "interval": 0.3}
    )
    with sending(*_to_both(lab), *pinned(lab, [slow] * 8), parallel=8):
        yield


def _to_both(lab: RunningLab) -> list[Any]:
    return [lab.call(token=lab.token(subject=new_id("usual")))] * 4


@contextmanager
def certificate_is_short(scene: Scene) -> Iterator[None]:
    """The public gateway serves a certificate of a week."""
    lab = scene.lab
    home = lab.stack.gateways["public"].home
    [credential, *_] = edge.credentials([lab.objects.get("Gateway", home, "public")])
    before = lab.core.read_namespaced_secret(credential.name, credential.namespace)
    certificate, key = pki.edge_authority(lab.state.pki).issue(
        "of-a-week", credential.name, names=credential.hosts, lifetime=timedelta(days=7)
    )
    files = {"tls.crt": certificate, "tls.key": key}
    short = {name: base64.b64encode(path.read_bytes()).decode("ascii") for name, path in files.items()}
    lab.core.patch_namespaced_secret(credential.name, credential.namespace, {"data": short})
    try:
        yield
    finally:
        lab.core.patch_namespaced_secret(credential.name, credential.namespace, {"data": before.data})


@contextmanager
def update_is_refused(scene: Scene) -> Iterator[None]:
    """A listener whose program Envoy cannot compile."""
    lab = scene.lab
    lab.objects.apply(REFUSED)
    try:
        yield
    finally:
        lab.objects.delete("EnvoyFilter", REFUSED["metadata"]["namespace"], REFUSED["metadata"]["name"])
        lab.plane.wait_synced(known=lab.plane.refused())


@dataclass(slots=True)
class KeyServer:
    """An issuer's key set on this machine, which answers 503 until it is told otherwise."""

    keys: dict[str, Any]
    answers: bool = False
    given: threading.Event = field(default_factory=threading.Event)


@contextmanager
def key_server(lab: RunningLab) -> Iterator[tuple[KeyServer, str]]:
    """One that runs, and its URL as istiod reaches it."""
    state = KeyServer(lab.keys.jwks())

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(state.keys).encode()
            self.send_response(200 if state.answers else 503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if state.answers:
                state.given.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer((NODE_ADDRESS, 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state, f"http://{NODE_ADDRESS}:{server.server_port}/keys"
    finally:
        server.shutdown()
        server.server_close()


def authentication(lab: RunningLab, name: str, url: str, **further: Any) -> dict[str, Any]:
    """An object that makes istiod ask for keys. Tokens are looked for where nobody sends one, so that those of other
    issuers are not refused for it."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "RequestAuthentication",
        "metadata": {"name": name, "namespace": lab.namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "chatgpt-api"}},
            "jwtRules": [
                {
                    "issuer": f"https://{name}.example.com",
                    "jwksUri": url,
                    "fromHeaders": [{"name": "x-token-of-nobody"}],
                    **further,
                }
            ],
        },
    }


@contextmanager
def issuer_fails(scene: Scene) -> Iterator[None]:
    """An issuer answers 503 where its keys should be, and later gives them.

    istiod tries eight times, forgets the issuer, and asks again for the next push: an edit makes it.
    """
    lab, name = scene.lab, "failing"
    with key_server(lab) as (server, url), lab.objects.with_added(authentication(lab, name, url)):
        yield
        server.answers = True
        edits = itertools.cycle((True, False))

        def asked() -> bool:
            # It may not have tried eight times yet, and then this edit asks nothing.
            lab.objects.apply(authentication(lab, name, url, forwardOriginalToken=next(edits)))
            return server.given.wait(2)

        eventually(asked, within=_ISSUER_ASKED_WITHIN, what="istiod has the keys")


@contextmanager
def istiod_is_not_scraped(scene: Scene) -> Iterator[None]:
    """The job that reads istiod's metrics finds no istiod."""
    with scene.prometheus.without_targets("istiod"):
        yield


@contextmanager
def exception_ends_tomorrow(scene: Scene) -> Iterator[None]:
    """Rules of a stack that accepts a finding until tomorrow; after them those of one that accepts none."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    risk = AcceptedRiskSpec(code="MCP315", object="RequestAuthentication/a/b", until=tomorrow, why="a partner")
    with scene.prometheus.with_rules(groups(ALERTS, scene.mesh, [risk])):
        yield


FAULTS: Mapping[tuple[Alert, Severity], Fault] = MappingProxyType(
    {
        # Before the page of the same fault, which it would still remember for minutes.
        (Alert.APP_BURNS_ITS_ERROR_BUDGET, "ticket"): api_fails,
        (Alert.APP_BURNS_ITS_ERROR_BUDGET, "page"): api_fails,
        (Alert.CANARY_FAILS_MORE_THAN_STABLE, "page"): canary_fails,
        (Alert.CANARY_IS_SLOWER_THAN_STABLE, "ticket"): canary_is_slow,
        (Alert.GATEWAY_CERTIFICATE_ENDS, "ticket"): certificate_is_short,
        (Alert.PROXY_REFUSED_UPDATE, "page"): update_is_refused,
        (Alert.ISSUER_KEYS_FAIL, "page"): issuer_fails,
        (Alert.CONTROL_PLANE_IS_NOT_SCRAPED, "ticket"): istiod_is_not_scraped,
        (Alert.EXCEPTION_RUNS_OUT, "ticket"): exception_ends_tomorrow,
    }
)
"""What fires each alert, by its name and severity."""
