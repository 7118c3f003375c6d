"""A database without a name: its declared callers reach it through the egress gateway, by address and port."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from chatgpt_mesh.mesh.specs.egress import DestinationSpec
from lab.network import NODE_ADDRESS
from lab.workloads.request import Reply, Request
from tests.lab.running_lab import fails

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import Pod, RunningLab


class _Peer(http.server.BaseHTTPRequestHandler):
    """Answers with the address that a connection comes from; to the mesh its bytes are those of any database."""

    def do_GET(self) -> None:
        body = self.client_address[0].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serving() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer((NODE_ADDRESS, 0), _Peer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def port(lab: RunningLab) -> Iterator[int]:
    """Of a server outside the mesh, at a private address that chatgpt-mcp alone may call."""
    with serving() as port:
        database = DestinationSpec.model_validate(
            {"address": NODE_ADDRESS, "port": port, "protocol": "tcp", "from": ["chatgpt-mcp"]}
        )
        egress = lab.stack.egress.model_copy(update={"allow": (*lab.stack.egress.allow, database)})
        with lab.declaring(lab.stack.model_copy(update={"egress": egress})):
            yield port


def ask(pod: Pod, port: int) -> Reply:
    (reply,) = pod.send(Request(url=f"http://{NODE_ADDRESS}:{port}/", timeout=5))
    return reply


def check_reached(lab: RunningLab, port: int) -> None:
    reply = ask(lab.mcp_pods()[0], port)
    assert reply.status == 200, str(reply)
    gateways = {pod.ip for pod in lab.gateway_pods("egress")}
    assert reply.body in gateways, f"it came from {reply.body}, not from the egress gateway {gateways}"


def test_a_declared_caller_reaches_it_through_the_egress_gateway(lab: RunningLab, port: int) -> None:
    check_reached(lab, port)


def test_nobody_else_does(lab: RunningLab, port: int) -> None:
    for pod in (lab.pod(lab.namespace, "chatgpt-api"), lab.pod(lab.namespace, "chatgpt-frontend")):
        reply = ask(pod, port)
        assert reply.status == 0, f"{pod.name} reached it: {reply}"


def test_another_port_of_the_address_is_closed(lab: RunningLab, port: int) -> None:
    with serving() as another:
        assert another != port
        reply = ask(lab.mcp_pods()[0], another)
    assert reply.status == 0, str(reply)


def test_it_is_the_gateways_policy_that_lets_the_caller_pass(lab: RunningLab, port: int) -> None:
    name = f"egress-{NODE_ADDRESS.replace('.', '-')}-{port}"
    with lab.objects.without("AuthorizationPolicy", "istio-egress", name), fails():
        check_reached(lab, port)
