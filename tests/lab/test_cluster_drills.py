"""Failures around the mesh, as docs/failures.md declares: node agent, API server, who refuses, who has keys."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab import node
from lab.network import NODE_ADDRESS
from lab.processes import Processes
from lab.toolchain import Toolchain
from lab.workloads.request import send
from tests.lab.killed_deploys.converging import again, check_as_declared, declared_objects, istio_objects
from tests.lab.killed_deploys.declarations import changed, without
from tests.lab.kubectl import ISTIO_SYSTEM, kubectl, wait_rolled_out
from tests.lab.running_lab import RunningLab, eventually
from tests.lab.test_b24_rollout_under_load import load

pytestmark = pytest.mark.long

LEAST_REQUESTS = 100
KUBELET_AWAY_SECONDS = 15


def test_a_node_agent_that_is_away_and_comes_back_ends_nothing(lab: RunningLab) -> None:
    processes = Processes(lab.state)
    before = {pod.name for pod in [*lab.mcp_pods(), *lab.gateway_pods("public")]}
    with load(lab, requests_per_connection=5) as seen:
        processes.stop(node.KUBELET)
        try:
            time.sleep(KUBELET_AWAY_SECONDS)
        finally:
            processes.start(node.kubelet(lab.state, Toolchain()))
        eventually(lambda: node_is_ready(lab), within=60, what="the node is ready")
        time.sleep(5)
    assert {pod.name for pod in [*lab.mcp_pods(), *lab.gateway_pods("public")]} == before
    assert len(seen.replies) > LEAST_REQUESTS
    assert not seen.failures, seen.failures.most_common(3)


def node_is_ready(lab: RunningLab) -> bool:
    ready = "--output=jsonpath={.items[0].status.conditions[?(@.type=='Ready')].status}"
    return kubectl(lab, "get", "nodes", ready) == "True"


WEBHOOK: dict[str, Any] = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "drill-refuses-routes"},
    "webhooks": [
        {
            "name": "routes.drill.example.com",
            "clientConfig": {"url": "https://127.0.0.1:9/"},
            "rules": [
                {
                    "apiGroups": ["networking.istio.io"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE", "DELETE"],
                    "resources": ["virtualservices"],
                }
            ],
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 2,
        }
    ],
}
"""Of another team's: its server is away, and so every route is refused."""


def test_a_webhook_that_refuses_half_of_an_up_costs_no_request_and_the_next_up_ends_it(
    lab: RunningLab, tmp_path: Path
) -> None:
    base = without(lab, tmp_path)
    others = istio_objects(lab) - declared_objects(base)
    moved = {"rollout": {"canary": {"percent": 40}}}
    after = lab.stack_with(
        {"apps": {"chatgpt-mcp": moved}, "telemetry": {"tracing": {"sampling_percent": 7}}}, tmp_path
    )
    try:
        with load(lab, requests_per_connection=5) as seen:
            lab.objects.apply(WEBHOOK)
            try:
                refused = lab.pulumi("up", "--yes", "--skip-preview", stack_file=after)
            finally:
                lab.objects.delete("ValidatingWebhookConfiguration", "", WEBHOOK["metadata"]["name"])
            again(lab, after)
        assert refused.returncode != 0, refused.stdout
        assert "routes.drill.example.com" in refused.stdout, "who refused is named"
        assert " updated" in refused.stdout, "something was changed before"
        assert len(seen.replies) > LEAST_REQUESTS
        assert not seen.failures, seen.failures.most_common(3)
        check_as_declared(lab, after, others)
    finally:
        again(lab, base)


@contextlib.contextmanager
def slow(lab: RunningLab, process: str, *, runs: float, rests: float) -> Iterator[None]:
    """A process that gets on in small pieces."""
    record = Processes(lab.state).running(process)
    assert record is not None
    over = threading.Event()

    def hold() -> None:
        while not over.is_set():
            os.kill(record.pid, signal.SIGSTOP)
            over.wait(rests)
            os.kill(record.pid, signal.SIGCONT)
            over.wait(runs)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_an_api_server_that_is_slow_costs_an_up_nothing_but_time(lab: RunningLab, tmp_path: Path) -> None:
    base = without(lab, tmp_path)
    others = istio_objects(lab) - declared_objects(base)
    after = changed(lab, tmp_path)
    try:
        with load(lab, requests_per_connection=5) as seen:
            with slow(lab, "kube-apiserver", runs=0.1, rests=0.4):
                began = time.monotonic()
                assert not send_to_api(lab, within=0.2), "it is slow"
                done = lab.pulumi("up", "--yes", "--skip-preview", stack_file=after)
                took = time.monotonic() - began
            assert done.returncode == 0, done.stdout
        print(f"up took {took:.0f} s with an API server that runs a fifth of the time")
        assert len(seen.replies) > LEAST_REQUESTS
        assert not seen.failures, seen.failures.most_common(3)
        check_as_declared(lab, after, others)
    finally:
        again(lab, base)


def send_to_api(lab: RunningLab, *, within: float) -> bool:
    """Whether ten answers in a row come within so many seconds each."""
    for _ in range(10):
        began = time.monotonic()
        lab.core.read_namespace(lab.namespace)
        if time.monotonic() - began > within:
            return False
    return True


class KeyServer(ThreadingHTTPServer):
    """Keys of an issuer, as istiod fetches them."""

    keys: bytes = b""
    fetched = 0


class _Keys(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, KeyServer)
        server.fetched += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(server.keys)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server has
        pass


@contextlib.contextmanager
def serving_keys(keys: bytes, port: int = 0) -> Iterator[KeyServer]:
    with KeyServer((NODE_ADDRESS, port), _Keys) as server:
        server.keys = keys
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


FETCHED_AGAIN_WITHIN = 150.0


def test_keys_that_are_away_when_istiod_starts_refuse_their_issuers_tokens_until_they_are_back(lab: RunningLab) -> None:
    home = lab.stack.gateways["public"].home
    keys = (lab.state.issuer / "jwks.json").read_bytes()
    token, of_other = lab.token(), lab.token(issuer=lab.auth.issuers[1].issuer)
    with serving_keys(keys) as server:
        port = server.server_port
        uri = f"http://{NODE_ADDRESS}:{port}/"

        def fetched(authentication: dict[str, Any]) -> None:
            for rule in authentication["spec"]["jwtRules"]:
                if rule["issuer"] == lab.auth.issuers[0].issuer:
                    rule.pop("jwks")
                    rule["jwksUri"] = uri

        with lab.objects.edited("RequestAuthentication", home, "public-tokens", fetched):
            eventually(lambda: status(lab, token) == 200, within=30, what="istiod has fetched the keys")
            assert server.fetched
            server.shutdown()
            server.server_close()
            assert status(lab, token) == 200, "istiod keeps what it has"
            kubectl(lab, "rollout", "restart", "deployment/istiod", f"--namespace={ISTIO_SYSTEM}")
            wait_rolled_out(lab, ISTIO_SYSTEM, "deployment/istiod")
            eventually(lambda: status(lab, token) == 401, within=120, what="the new istiod knows no keys")
            assert status(lab, of_other) == 200, "another issuer's tokens are as good as before"
            with serving_keys(keys, port):
                began = time.monotonic()
                eventually(
                    lambda: status(lab, token) == 200, within=FETCHED_AGAIN_WITHIN, what="istiod has fetched them again"
                )
                print(f"tokens were good {time.monotonic() - began:.0f} s after the keys were back")


def status(lab: RunningLab, token: str) -> int:
    return send(lab.call("ping", token=token)).status
