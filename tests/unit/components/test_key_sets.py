"""Issuers that give no keys are named by their place in the declaration, before anything is changed."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pulumi
import pytest

from chatgpt_mesh.components import key_sets
from tests.surroundings import KEY_SET
from tests.unit.mesh.stack import mesh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.build import Mesh

pytestmark = pytest.mark.unit


@contextmanager
def serving(status: int, body: str) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        server.server_close()


def asking(*uris: str) -> Mesh:
    """A mesh with issuers at these addresses; plain HTTP, which no declaration could name."""
    built = mesh()
    app = built.spec.apps["chatgpt-mcp"]
    assert app.auth is not None
    [issuer] = app.auth.issuers
    issuers = tuple(
        issuer.model_copy(update={"issuer": f"https://{number}.example.com", "jwks_uri": uri})
        for number, uri in enumerate(uris)
    )
    app = app.model_copy(update={"auth": app.auth.model_copy(update={"issuers": issuers})})
    built.spec = built.spec.model_copy(update={"apps": {"chatgpt-mcp": app}})
    return built


def told(uri: str, seconds: float = 5.0) -> list[str]:
    return [str(problem) for problem in key_sets.unanswered(asking(uri), seconds=seconds)]


def test_one_that_gives_its_keys_is_not_mentioned() -> None:
    with serving(200, KEY_SET) as uri:
        assert told(uri) == []


def test_each_other_is_named_with_what_it_does() -> None:
    with serving(503, "") as down, serving(200, "<html>") as page, serving(200, KEY_SET) as good:
        found = key_sets.unanswered(asking(down, good, page))
    assert [problem.path for problem in found] == [
        "apps.chatgpt-mcp.auth.issuers.0.jwks_uri",
        "apps.chatgpt-mcp.auth.issuers.2.jwks_uri",
    ]
    assert str(found[0].message).startswith("answers 503 instead of a key set. ")
    assert str(found[1].message).startswith("answers something that is no key set of use. ")


def test_one_that_nobody_listens_at_and_one_that_never_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        [refused] = told(f"http://127.0.0.1:{port}/keys")
        silent.listen()
        [slow] = told(f"http://127.0.0.1:{port}/keys", seconds=0.2)
    assert "does not answer (" in refused
    assert "does not answer (timed out)" in slow


@pytest.mark.parametrize(("said", "preview", "asked"), [("warn", False, 1), ("ignore", False, 0), ("stop", True, 0)])
def test_only_an_up_asks(monkeypatch: pytest.MonkeyPatch, said: str, preview: bool, asked: int) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    monkeypatch.setattr(key_sets, "unanswered", lambda _: ["x"])
    assert len(key_sets.before_up(mesh(security={"unanswered_key_sets": said}))) == asked
