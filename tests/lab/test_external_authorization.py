"""An app asks a service about each request: what it refuses never arrives, nor does anything while it is away."""

from __future__ import annotations

import contextlib
import http.server
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.authorizers import AuthorizerSpec
from chatgpt_mesh.mesh.specs.external_authorization import ExternalAuthorizationSpec
from lab.network import NODE_ADDRESS
from lab.workloads.request import Reply, send
from tests.lab.running_lab import eventually, fails, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.stack.settings import Settings
    from tests.lab.running_lab import RunningLab

NAME, HOME, PORT = "door", "outside-mesh", 8080
LET_IN = "x-let-in"


class _Door(http.server.BaseHTTPRequestHandler):
    """Lets in whoever says so, if it is shown the header."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200 if self.headers.get(LET_IN) == "yes" else 403)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer((NODE_ADDRESS, port), _Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def service(port: int) -> tuple[dict[str, Any], ...]:
    metadata = {"name": NAME, "namespace": HOME}
    return (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"name": "http", "port": PORT, "targetPort": port}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": NAME}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        },
    )


def asking(lab: RunningLab) -> Settings:
    door = AuthorizerSpec.model_validate(
        {
            "service": f"{NAME}.{HOME}.svc.cluster.local",
            "port": PORT,
            "http": {"include_request_headers_in_check": [LET_IN]},
        }
    ).named(NAME)
    use = ExternalAuthorizationSpec(authorizer=NAME)
    app = lab.stack.apps["chatgpt-mcp"].model_copy(update={"external_authorization": use})
    return lab.stack.model_copy(update={"authorizers": {NAME: door}, "apps": {**lab.stack.apps, "chatgpt-mcp": app}})


@contextlib.contextmanager
def providers_of(lab: RunningLab, stack: Settings) -> Iterator[None]:
    """istiod's mesh configuration with the providers of another declaration."""
    wanted = mesh_config(Mesh(stack, datetime.now(UTC).date())).to_dict()["extensionProviders"]

    def provide(config: dict[str, Any]) -> None:
        mesh = yaml.safe_load(config["data"]["mesh"])
        config["data"]["mesh"] = yaml.safe_dump({**mesh, "extensionProviders": wanted})

    # As the stack's own manager: what another one owns, the stack's next update could not change.
    with lab.objects.edited("ConfigMap", "istio-system", "istio", provide):
        yield


@pytest.fixture(scope="module")
def door(lab: RunningLab) -> Iterator[int]:
    """The port at which the authorizer can be reached; it is not there yet."""
    with serving() as port:
        pass
    stack = asking(lab)
    with lab.objects.with_added(*service(port)), providers_of(lab, stack), lab.declaring(stack):
        with serving(port):
            # The kubelet hands a changed ConfigMap to istiod within a minute or two.
            eventually(lambda: ask(lab, "yes").status == 200, within=180, what="istiod knows the authorizer")
            lab.let_kept_connections_go()
        yield port
    eventually(lambda: ask(lab, "no").status == 200, within=60, what="nobody is asked any more")


def ask(lab: RunningLab, let_in: str) -> Reply:
    token = lab.token(subject=new_id("door"))
    return send(lab.call("ping", token=token, headers={LET_IN: let_in}))


def check_asked(lab: RunningLab) -> None:
    refused = ask(lab, "no")
    assert refused.status == 403, str(refused)
    assert not refused.header("x-served-by"), "a refused request reached the app"


def test_it_decides(lab: RunningLab, door: int) -> None:
    with serving(door):
        assert ask(lab, "yes").status == 200
        check_asked(lab)


def test_nothing_passes_while_it_is_away(lab: RunningLab, door: int) -> None:
    assert ask(lab, "yes").status == 403


def test_it_is_the_policy_that_asks(lab: RunningLab, door: int) -> None:
    name = "chatgpt-mcp-external-authorization"
    with serving(door), lab.objects.without("AuthorizationPolicy", lab.namespace, name):
        lab.let_kept_connections_go()
        with fails():
            check_asked(lab)
