from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from lab.workloads.caller import Handler
from lab.workloads.request import Request, carry_out, send


@pytest.fixture
def caller() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_caller_sends_what_it_is_asked_to_send(caller: str) -> None:
    order = json.dumps({"requests": [{"url": f"{caller}/health"}, {"url": f"{caller}/other"}], "parallel": 2})
    replies = send(Request(url=f"{caller}/send", method="POST", body=order)).json()
    assert [reply["status"] for reply in replies] == [200, 404]


def test_what_the_network_does_is_a_reply() -> None:
    (reply,) = json.loads(carry_out(json.dumps({"requests": [{"url": "http://127.0.0.1:1/"}]})))
    assert reply["status"] == 0
    assert reply["error"].startswith("ConnectionRefusedError")
