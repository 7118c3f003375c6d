"""One number from Prometheus's HTTP API, or why not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from chatgpt_mesh.rollout.prometheus import TOKEN, Prometheus, PrometheusAwayError, QueryRefusedError

pytestmark = pytest.mark.unit


class Server(HTTPServer):
    """Says what a test tells it to, in the form of https://prometheus.io/docs/prometheus/latest/querying/api/."""

    status = 200
    body: bytes = b""
    seen: tuple[str, str | None] = ("", None)

    def gives(self, kind: str, result: Any) -> None:
        self.body = json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        server.seen = (form["query"][0], self.headers.get("authorization"))
        self.send_response(server.status)
        self.end_headers()
        self.wfile.write(server.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server has
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def vector(*numbers: str) -> list[dict[str, Any]]:
    return [{"metric": {}, "value": [0, number]} for number in numbers]


@pytest.mark.parametrize(
    ("kind", "result", "number"),
    [
        ("vector", vector("0.25"), 0.25),
        ("scalar", [0, "3"], 3.0),
        ("vector", [], None),
        ("vector", vector("NaN"), None),
        ("vector", vector("+Inf"), float("inf")),
    ],
)
def test_one_number_or_none(server: Server, kind: str, result: Any, number: float | None):
    server.gives(kind, result)
    assert Prometheus(server.url).number("up{a='b c'}") == number
    assert server.seen == ("up{a='b c'}", None)


def test_several_series_are_refused_with_what_to_do(server: Server):
    server.gives("vector", vector("1", "2"))
    with pytest.raises(QueryRefusedError, match="2 series where one number is needed; aggregate it: up"):
        Prometheus(server.url).number("up")


def test_a_mistake_in_an_expression_is_told_in_prometheus_words(server: Server):
    server.status, server.body = 400, json.dumps({"status": "error", "error": "parse error: unclosed"}).encode()
    with pytest.raises(QueryRefusedError, match="parse error: unclosed"):
        Prometheus(server.url).number("up(")


@pytest.mark.parametrize(("status", "body"), [(502, b"<html>"), (401, b""), (200, b"<html>")])
def test_what_is_no_answer_of_prometheus_counts_as_away(server: Server, status: int, body: bytes):
    server.status, server.body = status, body
    with pytest.raises(PrometheusAwayError):
        Prometheus(server.url).number("up")


def test_nobody_there_counts_as_away():
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(PrometheusAwayError, match="refused"):
        Prometheus(url).number("up")


def test_a_token_is_sent_and_never_said(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(TOKEN, "very-secret")
    server.gives("vector", vector("1"))
    Prometheus(server.url).number("up")
    assert server.seen[1] == "Bearer very-secret"
    server.status = 401
    with pytest.raises(PrometheusAwayError) as told:
        Prometheus(server.url).number("up")
    assert "very-secret" not in str(told.value)


@pytest.mark.parametrize("url", ["localhost:9090", "file:///etc/passwd", "http://"])
def test_only_http_is_asked(url: str):
    with pytest.raises(ValueError, match="is not the URL of a Prometheus"):
        Prometheus(url)
