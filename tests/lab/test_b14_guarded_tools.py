"""B14: a guarded tool needs its scope, whichever era the client speaks, and no version or header is a way around.

All of it holds by both ways to read what a request calls, the body (the default) and the headers.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lab.workloads.request import Reply, send
from tests.lab.running_lab import fails, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

TOOL = "execute_sql"
MODERN = "2026-07-28"
OTHER_SCOPES = ["chatgpt.tools.read"]


def modern_headers(name: str, method: str = "tools/call") -> dict[str, str]:
    return {"mcp-protocol-version": MODERN, "mcp-method": method, "mcp-name": name}


def envelope() -> dict[str, Any]:
    """What a request of 2026-07-28 carries of its own in place of a session."""
    return {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }


def call(lab: RunningLab, headers: dict[str, str], scopes: list[str], tool: str = TOOL) -> tuple[Reply, int]:
    """The reply, and how often the tool ran."""
    call_id = new_id("guarded")
    arguments: dict[str, Any] = {"call_id": call_id}
    if tool == TOOL:
        arguments["statement"] = "select count(*) from orders"
    params = {"name": tool, "arguments": arguments, "_meta": envelope()}
    reply = send(lab.call("tools/call", params, headers=headers, token=lab.token(scopes=scopes)))
    return reply, lab.executions(call_id)


@pytest.fixture(scope="module", params=["body", "header"], autouse=True)
def read_from(lab: RunningLab, request: pytest.FixtureRequest) -> Iterator[str]:
    if TOOL not in lab.auth.tools:
        pytest.skip(f"this stack does not guard {TOOL} (auth.tools)")
    if lab.auth.tools_from == request.param:
        yield request.param
        return
    with lab.declaring_app(auth=lab.auth.model_copy(update={"tools_from": request.param})):
        yield request.param


def check_guarded(lab: RunningLab) -> None:
    reply, executions = call(lab, modern_headers(TOOL), OTHER_SCOPES)
    assert (reply.status, executions) == (403, 0), str(reply)
    assert reply.json()["error"]["message"] == f"the token lacks a scope: {lab.auth.tools[TOOL].scope}"
    challenge = reply.header("www-authenticate")
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{lab.auth.tools[TOOL].scope}"' in challenge


def test_without_its_scope_the_tool_is_forbidden(lab: RunningLab) -> None:
    check_guarded(lab)


def test_with_its_scope_it_runs_in_both_eras(lab: RunningLab) -> None:
    scopes = [lab.auth.tools[TOOL].scope]
    for headers in (modern_headers(TOOL), {"mcp-protocol-version": "2025-11-25"}):
        reply, executions = call(lab, headers, scopes)
        assert (reply.status, executions) == (200, 1), str(reply)


def test_another_tool_needs_no_scope(lab: RunningLab) -> None:
    reply, executions = call(lab, modern_headers("whoami"), OTHER_SCOPES, tool="whoami")
    assert (reply.status, executions) == (200, 1), str(reply)


def ways_around() -> dict[str, dict[str, str]]:
    sentinel = f"=?base64?{base64.b64encode(TOOL.encode()).decode()}?="
    return {
        "no version": {},
        "older version": {"mcp-protocol-version": "2025-11-25"},
        "oldest version": {"mcp-protocol-version": "2024-11-05"},
        "unknown version": {"mcp-protocol-version": "2099-01-01"},
        "encoded name": modern_headers(sentinel),
        "no name": {"mcp-protocol-version": MODERN, "mcp-method": "tools/call"},
        "no method": {"mcp-protocol-version": MODERN, "mcp-name": TOOL},
        "odd method": modern_headers(TOOL, "tools/call "),
        "upper-case method": modern_headers(TOOL, "TOOLS/CALL"),
        "name in another case": modern_headers(TOOL.upper()),
        "name with a space": modern_headers(f"{TOOL} x"),
        "another tool's name": modern_headers("whoami"),
        "another method's name": modern_headers(TOOL, "tools/list"),
    }


@pytest.mark.parametrize("way", ways_around())
def test_there_is_no_way_around(lab: RunningLab, way: str) -> None:
    """Refused at the edge, or by the server, which compares headers and body; it never runs."""
    reply, executions = call(lab, ways_around()[way], OTHER_SCOPES)
    assert executions == 0, str(reply)
    assert reply.status in {400, 403}, str(reply)


def test_older_versions_are_forbidden_at_the_edge(lab: RunningLab) -> None:
    for way in ("no version", "older version", "oldest version"):
        reply, _ = call(lab, ways_around()[way], OTHER_SCOPES)
        assert reply.status == 403, f"{way}: {reply}"
        assert not reply.header("x-served-by")


def test_it_is_the_tools_route_that_forbids(lab: RunningLab) -> None:
    def take_out(service: dict[str, Any]) -> None:
        http = service["spec"]["http"]
        service["spec"]["http"] = [route for route in http if not re.search(r"\.tool(-\d+)?$", route["name"])]

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", take_out), fails():
        check_guarded(lab)


def test_it_is_the_guard_on_older_versions_that_closes_the_way_around(lab: RunningLab, read_from: str) -> None:
    if read_from == "body":
        pytest.skip("the body says the same in every version")

    def take_out(service: dict[str, Any]) -> None:
        service["spec"]["http"] = [
            route for route in service["spec"]["http"] if not route["name"].endswith(".older-protocol")
        ]

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", take_out), fails():
        test_there_is_no_way_around(lab, "older version")


@pytest.mark.parametrize("forged", [{}, {"x-mcp-sub": "user-1"}], ids=["no header", "the subject's header"])
def test_a_gateway_holds_a_body_for_nobody_without_a_token(
    lab: RunningLab, read_from: str, forged: dict[str, str]
) -> None:
    """What is promised never comes: whoever waits for it does not answer."""
    promised = {**forged, "content-length": "1000"}
    unknown = send(replace(lab.call(token="", headers=promised, timeout=5), body=None))
    assert unknown.status == 401, str(unknown)
    if read_from == "body":
        known = send(replace(lab.call(headers=promised, timeout=2), body=None))
        assert (known.status, known.error.partition(":")[0]) == (0, "TimeoutError"), str(known)
