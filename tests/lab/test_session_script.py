"""Sessions at four stateful servers of two versions behind a real Envoy: the rendered routes, the rendered script.

No cluster is needed; seconds. What istiod makes of the same objects is B13 and B47.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from lab.workloads.client import Era, Exchange, Target, connect
from lab.workloads.mcp_server import build_app
from lab.workloads.recorded import Identity
from lab.workloads.recorder import Recorder
from lab.workloads.request import Reply, Request, send
from tests.lab.mcp_sessions import INITIALIZE, PROTOCOL
from tests.lab.running_lab import JSON_RPC_HEADERS, fails
from tests.lab.session_envoy import envoy
from tests.unit.mesh.stack import manifest, mesh
from tests.unit.workloads.conftest import served

APP = """{auth: null, open: true, versions: {v1: {}, v2: {}},
          rollout: {stable: v1, canary: {version: v2, percent: 50, pin: {header: x-canary, allowed: anyone}}}}"""
SCRIPT = "TrafficExtension/istio-ingress/public-sessions"
HOST = "VirtualService/chatgpt-production/chatgpt-mcp"


class Edge(NamedTuple):
    """An Envoy, and how a pod of it ends."""

    url: str
    stop: Callable[[str], None]


def started(app: str, directory: Path, stack: ExitStack, *, script: str | None = None) -> Edge:
    pods: dict[str, list[str]] = {}
    ends: dict[str, ExitStack] = {}
    for name in ("v1-a", "v1-b", "v2-a", "v2-b"):
        identity = Identity("chatgpt-mcp", name[:2], name, "chatgpt-production")
        ends[name] = stack.enter_context(ExitStack())
        base = ends[name].enter_context(served(lambda _, who=identity: build_app(who, Recorder(), sessions=True)))
        pods.setdefault(name[:2], []).append(base)
    built = mesh(app)
    code = manifest(built, SCRIPT)["lua"]["inlineCode"] if script is None else script
    base = stack.enter_context(envoy(manifest(built, HOST)["http"], code, pods, directory))
    return Edge(f"{base}/mcp", lambda name: ends[name].close())


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with ExitStack() as stack:
        yield started(APP, tmp_path_factory.mktemp("edge"), stack)


def ask(edge: Edge, method: str, session: str = "", **headers: str) -> Reply:
    sent = {**JSON_RPC_HEADERS, **headers}
    if session:
        sent |= {"mcp-session-id": session, "mcp-protocol-version": PROTOCOL}
    params = INITIALIZE if method == "initialize" else {}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return send(Request(url=edge.url, method="POST", headers=sent, body=body))


def opened(edge: Edge, number: int) -> dict[str, str]:
    """Pods by the id of their session."""
    replies = [ask(edge, "initialize") for _ in range(number)]
    assert {reply.status for reply in replies} == {200}
    return {reply.header("mcp-session-id"): reply.header("x-served-by") for reply in replies}


def check_follow_ups(edge: Edge) -> None:
    sessions = opened(edge, 60)
    assert len(sessions) == 60
    versions = Counter(pod[:2] for pod in sessions.values())
    assert min(versions["v1"], versions["v2"]) > 12, versions
    for session in random.Random(1).choices(list(sessions), k=300):  # noqa: S311
        reply = ask(edge, "ping", session)
        assert (reply.status, reply.header("x-served-by")) == (200, sessions[session]), str(reply)
        assert "x-mcp-session-at" not in reply.headers


def test_what_follows_reaches_the_pod_where_the_session_began(edge: Edge) -> None:
    check_follow_ups(edge)


def test_it_is_the_script_that_leads_it_there(tmp_path: Path) -> None:
    with ExitStack() as stack:
        bare = started(APP, tmp_path, stack, script="function envoy_on_request(handle) end")
        with fails():
            check_follow_ups(bare)


def test_the_official_client_finds_its_session_every_time(edge: Edge) -> None:
    async def run() -> list[Exchange]:
        exchanges: list[Exchange] = []
        async with connect(Target(url=edge.url), Era.LEGACY, exchanges) as client:
            await client.list_tools()
            await client.call_tool("stream", {"seconds": 0.3, "interval": 0.1})
            await client.call_tool("whoami", {})
        return exchanges

    for _ in range(8):
        exchanges = asyncio.run(run())
        assert {exchange.status for exchange in exchanges} <= {200, 202}
        assert len({exchange.pod for exchange in exchanges}) == 1


def test_the_server_gets_its_own_id(edge: Edge) -> None:
    [session] = opened(edge, 1)
    sent = {**JSON_RPC_HEADERS, "mcp-session-id": session, "mcp-protocol-version": PROTOCOL}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
    said = send(Request(url=edge.url, method="POST", headers=sent, body=json.dumps(call))).body
    assert session.partition("~")[0] in said
    assert session not in said


FORGED = [
    "{own}",
    "{own}~v9~{pod}",
    "{own}~{other}~{pod}",
    "{own}~{version}~10.255.255.1:8080",
    "{own}~{version}~127.0.0.1:22",
    "{own}~{version}~[::1]:8080",
    "{own}~{version}~junk",
    "{own}~{version}~999.1.1.1:80",
    "{own}~{version}~",
    "~{version}~{pod}",
    "{own}~~{pod}",
    "x{own}~{version}~{pod}",
    "{own}~{version}~{pod}~{other}~{pod}",
    "{own}~{version}~{pod},{own}~{other}~{pod}",
    "{own}%00~{version}~{pod}",
    "{own}~{version}~{pod}%",
]


ASKED = {"x{own}~{version}~{pod}", "{own}%00~{version}~{pod}"}


@pytest.mark.parametrize("form", FORGED)
def test_a_forged_id_is_404(edge: Edge, form: str) -> None:
    [session] = opened(edge, 1)
    own, version, pod = session.rsplit("~", 2)
    other = "v1" if version == "v2" else "v2"
    forged = form.format(own=own, version=version, pod=pod, other=other)
    reply = ask(edge, "ping", forged)
    assert reply.status == 404, str(reply)
    # Only the pod that the id names is ever asked, and knows no such session.
    assert bool(reply.header("x-served-by")) == (form in ASKED)
    assert reply.json()["error"]["message"] == "Session not found"


@pytest.mark.parametrize("header", ["x-mcp-session-at", "x-envoy-original-dst-host"])
def test_a_header_of_the_client_chooses_no_pod(edge: Edge, header: str) -> None:
    sessions = opened(edge, 8)
    pods = {session: session.rpartition("~")[2] for session in sessions}
    for session, pod in sessions.items():
        for other in pods.values():
            assert ask(edge, "ping", session, **{header: other}).header("x-served-by") == pod


def test_a_pod_that_dies_is_404_and_a_client_begins_anew(tmp_path: Path) -> None:
    with ExitStack() as stack:
        edge = started(APP.replace("percent: 50", "percent: 100"), tmp_path, stack)
        sessions = opened(edge, 20)
        assert {*sessions.values()} == {"v2-a", "v2-b"}
        edge.stop("v2-a")
        told = {session: ask(edge, "ping", session) for session in sessions}
        assert {reply.status for session, reply in told.items() if sessions[session] == "v2-a"} == {404}
        assert {reply.status for session, reply in told.items() if sessions[session] == "v2-b"} == {200}
        again = [ask(edge, "initialize") for _ in range(10)]
        assert "v2-b" in {reply.header("x-served-by") for reply in again}
