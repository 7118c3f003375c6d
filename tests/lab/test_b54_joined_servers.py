"""B54: two MCP servers and a REST API behind one endpoint, by the declaration, program and pods that the page shows.

The apps behind ask the joining pods for no token; that the rules in front are theirs is what keeps those pods from
being a way around them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lab.workloads.client import Era, Exchange, Target, connect
from lab.workloads.request import Request, send
from tests.lab.joined_servers import EXAMPLE, SEARCH, TOOLS, declaration, joined
from tests.lab.real_clients.installed import pypi_clients
from tests.lab.running_lab import JSON_RPC_HEADERS, RunningLab, eventually, fails, new_id, tool_result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from chatgpt_mesh.stack.settings import Settings
    from lab.workloads.request import Reply

OF_EACH = {"orders_whoami": "chatgpt-mcp", "search_whoami": SEARCH}
GUARDED = {
    "orders_execute_sql": ("chatgpt.tools.execute", {"statement": "select 1"}),
    "search_execute_sql": ("search.execute", {"statement": "select 1"}),
    "stock_create_order": ("stock.write", {"item": "desk"}),
}
CALLS_OF_A_SESSION = 6

APP_TOOL = """
from fastmcp import FastMCP, FastMCPApp

app = FastMCPApp("crm")

@app.tool(model=True)
def execute_sql() -> str:
    return "it ran"

FastMCP("crm", providers=[app]).run(transport="http", host="127.0.0.1", port={port}, show_banner=False)
"""
"""A server that gives its tool a second name."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The endpoint as clients see it."""

    lab: RunningLab
    stack: Settings

    @property
    def host(self) -> str:
        host = self.stack.apps[TOOLS].host
        assert host is not None
        return host

    @property
    def url(self) -> str:
        return f"https://{self.host}/mcp"

    def token(self, *scopes: str, subject: str = "user-1") -> str:
        return self.lab.token(audience=self.url, scopes=list(scopes), subject=subject)

    def call(self, tool: str, arguments: dict[str, Any] | None = None, *scopes: str) -> Reply:
        """One call of the modern era."""
        headers = {"mcp-protocol-version": Era.MODERN.value, "mcp-method": "tools/call", "mcp-name": tool}
        params = {"name": tool, "arguments": arguments or {}, "_meta": _envelope()}
        return send(self.lab.call(params=params, url=self.url, headers=headers, token=self.token(*scopes), timeout=30))

    def target(self, token: str) -> Target:
        return Target(
            url=self.url,
            ca_file=self.lab.ca_file,
            addresses={self.host: self.lab.public.address},
            headers={"authorization": f"Bearer {token}"},
        )


def _envelope() -> dict[str, Any]:
    """What a request of 2026-07-28 carries of its own in place of a session."""
    about = {"protocolVersion": Era.MODERN.value, "clientInfo": {"name": "test", "version": "0"}}
    return {f"io.modelcontextprotocol/{name}": value for name, value in {**about, "clientCapabilities": {}}.items()}


@pytest.fixture(scope="module")
def endpoint(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joined]:
    stack = declaration(lab, tmp_path_factory.mktemp("joined"))
    with joined(lab, stack):
        served = Joined(lab, stack)
        replies: list[Reply] = []

        def answers() -> bool:
            replies.append(served.call("search_whoami"))
            return replies[-1].status == 200

        try:
            eventually(answers, within=30, what="the endpoint answers")
        except AssertionError as error:
            raise AssertionError(f"{error}: {replies[-1]}") from None
        yield served


@pytest.mark.parametrize("era", list(Era))
def test_the_official_client_lists_and_calls_the_tools_of_all(endpoint: Joined, era: Era) -> None:
    exchanges: list[Exchange] = []
    told: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async def run() -> tuple[set[str], dict[str, Any], dict[str, Any], list[str]]:
        async with connect(endpoint.target(endpoint.token()), era, exchanges) as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
            said = {name: (await client.call_tool(name, {})).structured_content for name in OF_EACH}
            order = (await client.call_tool("stock_get_order", {"order_id": "o-1"})).structured_content
            arguments = {"seconds": 0.5, "interval": 0.1}
            await client.call_tool("search_stream", arguments, progress_callback=on_progress)
            # Calls of one session that the pods behind could divide among themselves.
            pods = [await client.call_tool("orders_whoami", {}) for _ in range(CALLS_OF_A_SESSION)]
            return listed, said, order or {}, [str((one.structured_content or {}).get("app")) for one in pods]

    listed, said, order, apps = asyncio.run(run())
    assert {*OF_EACH, *GUARDED, "stock_get_order", "orders_stream", "search_stream"} <= listed
    assert all(name.startswith(("orders_", "search_", "stock_")) for name in listed)
    assert {name: answer["app"] for name, answer in said.items()} == OF_EACH
    assert {answer["subject"] for answer in said.values()} == {"user-1"}
    assert (order["app"], order["path"], order["method"]) == ("chatgpt-api", "/api/v1/orders/o-1", "GET")
    assert len(told) == 5
    assert apps == ["chatgpt-mcp"] * CALLS_OF_A_SESSION
    assert {exchange.status for exchange in exchanges} <= {200, 202}


def check_guarded(endpoint: Joined, tools: Sequence[str] = tuple(GUARDED)) -> None:
    for tool in tools:
        scope, arguments = GUARDED[tool]
        others = [other for other, _ in GUARDED.values() if other != scope]
        reply = endpoint.call(tool, arguments, *others)
        assert reply.status == 403, f"{tool}: {reply}"
        assert f'scope="{scope}"' in reply.header("www-authenticate")
        assert not reply.header("x-served-by")


def test_a_guarded_tool_of_each_needs_its_scope(endpoint: Joined) -> None:
    check_guarded(endpoint)
    for tool, (scope, arguments) in GUARDED.items():
        reply = endpoint.call(tool, arguments, scope)
        assert reply.status == 200, f"{tool}: {reply}"
        assert not tool_result(reply).get("isError"), f"{tool}: {reply}"


def test_it_is_the_rules_in_front_that_forbid(endpoint: Joined) -> None:
    """Without them every tool runs: the apps behind let the joining pods in and ask for nothing more."""

    def take_out(service: dict[str, Any]) -> None:
        http = service["spec"]["http"]
        service["spec"]["http"] = [route for route in http if not re.search(r"\.tool-\d+$", route["name"])]

    with endpoint.lab.objects.edited("VirtualService", endpoint.lab.namespace, TOOLS, take_out):
        for tool, (_, arguments) in GUARDED.items():
            with fails():
                check_guarded(endpoint, [tool])
            reply = endpoint.call(tool, arguments)
            assert reply.status == 200, f"{tool}: {reply}"
            assert not tool_result(reply).get("isError"), f"{tool}: {reply}"


def test_the_apps_behind_see_who_the_user_is_and_no_token(endpoint: Joined) -> None:
    lab, subject = endpoint.lab, new_id("user")
    token = endpoint.token(subject=subject)
    calls: dict[str, dict[str, Any]] = {**{tool: {} for tool in OF_EACH}, "stock_get_order": {"order_id": "o-1"}}

    async def run() -> None:
        async with connect(endpoint.target(token), Era.MODERN, []) as client:
            for tool, arguments in calls.items():
                await client.call_tool(tool, arguments)

    asyncio.run(run())
    pods = [*lab.mcp_pods(), *lab.pods(lab.namespace, f"app={SEARCH}"), *lab.pods(lab.namespace, "app=chatgpt-api")]
    arrived = [request for pod in pods for request in pod.seen("") if request["headers"].get("x-mcp-sub") == subject]
    assert len({request["path"] for request in arrived}) == 2
    assert len(arrived) >= len(calls)
    for request in arrived:
        assert "authorization" not in request["headers"]
        assert token not in str(request)


def test_a_token_of_one_endpoint_opens_no_other(endpoint: Joined) -> None:
    lab = endpoint.lab
    assert send(lab.call("ping", token=endpoint.token())).status == 401
    assert send(lab.call("ping", url=endpoint.url, token=lab.token())).status == 401


def test_who_is_not_let_in_gets_nothing_of_the_servers_behind(endpoint: Joined) -> None:
    """The joining pods are a caller like any other: the same question from a pod beside them is refused."""
    lab = endpoint.lab
    url = f"http://{SEARCH}.{lab.namespace}.svc.cluster.local:8080/mcp"
    body = '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    (reply,) = lab.pod(lab.namespace, "chatgpt-batch").send(
        Request(url=url, method="POST", headers=JSON_RPC_HEADERS, body=body)
    )
    assert reply.status == 403, str(reply)


@contextlib.contextmanager
def _running(port: int, *command: str, **environment: str) -> Iterator[None]:
    python = str(pypi_clients() / "venv" / "bin" / "python")
    process = subprocess.Popen([python, *command], env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/mcp"
        eventually(lambda: send(Request(url=url, timeout=1)).status != 0, within=30, what=f"{url} answers")
        yield
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def second_name_answers(program: Path, behind: int) -> bool:
    """Whether the tool of `APP_TOOL` runs under the name that nobody listed."""
    port = _free_port()
    settings = {
        "JOINED_SERVERS": f"crm=http://127.0.0.1:{behind}/mcp",
        "REST_PREFIX": "stock",
        "REST_URL": "http://127.0.0.1:9",
        "REST_OPENAPI": str(EXAMPLE / "stock.openapi.json"),
        "PORT": str(port),
    }

    async def run() -> bool:
        async with connect(Target(url=f"http://127.0.0.1:{port}/mcp"), Era.LEGACY, []) as client:
            [tool] = [one for one in (await client.list_tools()).tools if one.name == "crm_execute_sql"]
            assert not (await client.call_tool(tool.name, {})).is_error
            name = f"__{(tool.meta or {})['fastmcp']['tool_hash']}_execute_sql"
            return not (await client.call_tool(name, {})).is_error

    with _running(port, str(program), **settings):
        return asyncio.run(run())


def test_a_tool_has_one_name(tmp_path: Path) -> None:
    """A rule goes by the name, and FastMCP answers to a second one for tools of its apps; no cluster is needed."""
    program = (EXAMPLE / "joined.py").read_text(encoding="utf-8")
    without = "".join(line for line in program.splitlines(keepends=True) if "add_middleware" not in line)
    assert without != program
    unguarded = tmp_path / "unguarded.py"
    unguarded.write_text(without, encoding="utf-8")
    behind = _free_port()
    server = tmp_path / "crm.py"
    server.write_text(APP_TOOL.replace("{port}", str(behind)), encoding="utf-8")
    with _running(behind, str(server)):
        assert not second_name_answers(EXAMPLE / "joined.py", behind)
        assert second_name_answers(unguarded, behind)
