"""A pod that sends what a test asks it to send: `python -m lab.workloads.caller`.

`POST /send {"requests": [...], "parallel": N}` on 127.0.0.1:9092, reached through the API server's port-forward, sends
the requests from inside the pod, through its sidecar and as its identity, and answers with the replies.
"""

from __future__ import annotations

import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NoReturn

from lab.workloads.request import carry_out

if TYPE_CHECKING:
    from types import FrameType

CONTROL_PORT = 9092


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(HTTPStatus.OK if self.path == "/health" else HTTPStatus.NOT_FOUND, b"")

    def do_POST(self) -> None:
        order = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path == "/send":
            self._answer(HTTPStatus.OK, carry_out(order.decode()).encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"")

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def _end(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the form of a signal's handler
    sys.exit(0)


def main() -> None:
    # The first process of a container ignores SIGTERM unless it says what to do about it.
    signal.signal(signal.SIGTERM, _end)
    ThreadingHTTPServer(("127.0.0.1", CONTROL_PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
