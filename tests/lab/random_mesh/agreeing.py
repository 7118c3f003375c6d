"""Authorizers that agree to everything, on this machine, behind the Services that a stack's authorizers name.

The checker says what happens if an authorizer agrees; that one decides is shown by `test_external_authorization`.
"""

from __future__ import annotations

import contextlib
import http.server
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

from lab.network import NODE_ADDRESS
from tests.lab.random_mesh.workloads import PART_OF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.stack.settings import Settings

_THREADS = 4


class _Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class _Agreement(grpc.GenericRpcHandler):
    """An empty CheckResponse, whose status is OK: envoy.service.auth.v3.Authorization/Check."""

    def service(self, handler_call_details: Any) -> Any:
        if handler_call_details.method != "/envoy.service.auth.v3.Authorization/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")


@contextlib.contextmanager
def agreeing() -> Iterator[dict[str, int]]:
    """Both kinds of authorizer; the port of each on this machine, `http` and `grpc`."""
    web = http.server.ThreadingHTTPServer((NODE_ADDRESS, 0), _Door)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    calls = grpc.server(ThreadPoolExecutor(_THREADS), handlers=[_Agreement()])
    port = calls.add_insecure_port(f"{NODE_ADDRESS}:0")
    calls.start()
    try:
        yield {"http": web.server_port, "grpc": port}
    finally:
        calls.stop(None)
        web.shutdown()
        web.server_close()


def services(stack: Settings, ports: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Namespace, Service and endpoint of every authorizer that the stack declares."""
    for authorizer in stack.authorizers.values():
        name, namespace, *_ = authorizer.service.split(".")
        kind = "http" if authorizer.http is not None else "grpc"
        metadata = {"name": name, "namespace": namespace}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": PART_OF}}
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"name": kind, "port": authorizer.port, "targetPort": ports[kind]}]},
        }
        yield {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
            "ports": [{"name": kind, "port": ports[kind], "protocol": "TCP"}],
        }
