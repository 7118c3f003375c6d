"""The sample MCP server over real HTTP on loopback, driven by the official SDK's client."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import pytest

from lab.workloads.client import Era, Exchange, Target, connect, table, trace
from lab.workloads.recorder import Recorder
from lab.workloads.request import Request, send

Pod = Callable[..., str]


@pytest.mark.parametrize("sessions", [True, False])
@pytest.mark.parametrize("era", Era)
def test_both_eras_list_and_call(mcp_pod: Pod, era: Era, sessions: bool) -> None:
    exchanges = asyncio.run(trace(Target(url=f"{mcp_pod(sessions=sessions)}/mcp"), era))
    operations = [exchange.operation for exchange in exchanges]
    assert "tools/list" in operations
    assert "tools/call whoami" in operations
    assert all(exchange.status in {200, 202} for exchange in exchanges)
    assert {exchange.pod for exchange in exchanges} == {"chatgpt-mcp-v1-0"}


def test_a_session_is_opened_used_and_deleted(mcp_pod: Pod) -> None:
    exchanges = asyncio.run(trace(Target(url=f"{mcp_pod('v2', sessions=True)}/mcp"), Era.LEGACY))
    by_operation = {exchange.operation: exchange for exchange in exchanges}
    assert by_operation["initialize"].session
    assert by_operation["DELETE /mcp"].status == 200
    assert by_operation["GET /mcp"].content_type.startswith("text/event-stream")


def test_a_client_of_a_session_is_served_by_a_version_without_sessions(mcp_pod: Pod) -> None:
    """A canary re-rolls per request: what v2 opened may be continued on v1 and the other way round."""
    opened = _call(mcp_pod("v2", sessions=True), "initialize", _INITIALIZE)
    session = opened.header("mcp-session-id")
    assert session
    elsewhere = _call(mcp_pod("v1"), "tools/list", {}, session=session)
    assert elsewhere.status == 200
    without = _call(mcp_pod("v2", sessions=True), "tools/list", {})
    assert without.status == 200


def test_versions_answer_differently(mcp_pod: Pod) -> None:
    tools = {
        version: {tool["name"] for tool in _result(_call(mcp_pod(version), "tools/list", {}))["tools"]}
        for version in ("v1", "v2")
    }
    assert tools["v2"] - tools["v1"] == {"word_count"}
    answers = {
        version: _result(_call(mcp_pod(version), "tools/call", {"name": "whoami", "arguments": {}}))
        for version in ("v1", "v2")
    }
    assert answers["v1"]["structuredContent"]["greeting"] == "Hello from v1"
    assert answers["v2"]["structuredContent"]["greeting"] == "Hello from v2"


@pytest.mark.parametrize("era", Era)
def test_streamed_events_arrive_while_the_call_runs(mcp_pod: Pod, era: Era) -> None:
    sent: list[float] = []
    arrived: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        sent.append(float(message or 0))
        arrived.append(time.time())

    async def run() -> int:
        exchanges: list[Exchange] = []
        async with connect(Target(url=f"{mcp_pod()}/mcp"), era, exchanges) as client:
            arguments = {"seconds": 1.0, "interval": 0.2}
            result = await client.call_tool("stream", arguments, progress_callback=on_progress)
        content = result.structured_content
        assert content is not None
        return content["events"]

    assert asyncio.run(run()) == len(sent) >= 3
    assert arrived[0] < sent[-1], "the first event was held back until the last had been sent"


def test_fail_is_a_result_and_no_transport_error(mcp_pod: Pod) -> None:
    reply = _call(mcp_pod(), "tools/call", {"name": "fail", "arguments": {"reason": "out of paper"}})
    assert reply.status == 200
    assert _result(reply)["isError"] is True
    assert "out of paper" in json.dumps(_result(reply))


def test_execute_sql_runs_on_a_database_of_its_own_call(mcp_pod: Pod) -> None:
    base = mcp_pod()

    def rows(statement: str) -> list[list[object]]:
        call = {"name": "execute_sql", "arguments": {"statement": statement}}
        return _result(_call(base, "tools/call", call))["structuredContent"]["rows"]

    rows("delete from orders")
    assert rows("select count(*) from orders") == [[3]]


@pytest.mark.parametrize(("answer", "status"), [("503", 503), ("reset", 0), ("given", 200)])
def test_a_broken_answer_does_not_undo_the_call(mcp_pod: Pod, recorder: Recorder, answer: str, status: int) -> None:
    call = {"name": "whoami", "arguments": {"call_id": "once"}}
    reply = _call(mcp_pod(), "tools/call", call, headers={"x-answer": answer, "x-test-id": "broken"})
    assert reply.status == status
    assert recorder.calls["once"] == 1
    assert [seen.test_id for seen in recorder.requests] == ["broken"]


def test_no_credential_is_kept(mcp_pod: Pod, recorder: Recorder) -> None:
    send(Request(url=f"{mcp_pod()}/api/v1/orders?id=3", headers={"authorization": "Bearer s3cret", "x-test-id": "a"}))
    (seen,) = recorder.matching("a")
    assert (seen.path, seen.query, seen.status) == ("/api/v1/orders", "id=3", 200)
    assert "s3cret" not in str(seen)


def test_odd_paths_are_recorded_as_they_came(mcp_pod: Pod, recorder: Recorder) -> None:
    base = mcp_pod()
    for path in ("//mcp", "/mcp%2f..", "/mcp;x"):
        assert send(Request(url=base + path)).status == 404
    assert [seen.path for seen in recorder.requests] == ["//mcp", "/mcp%2f..", "/mcp;x"]


def test_metrics_count_runs_by_tool(mcp_pod: Pod, recorder: Recorder) -> None:
    _call(mcp_pod(), "tools/call", {"name": "whoami", "arguments": {}})
    assert 'mcp_tool_executions_total{tool="whoami"} 1' in recorder.exposition()
    assert 'http_requests_total{method="POST",status="200"} 1' in recorder.exposition()


def test_the_trace_is_a_table() -> None:
    exchange = Exchange("tools/call whoami", "POST", 200, 12.4, "v1", "pod-a", "", "application/json")
    assert table([exchange]).splitlines() == [
        "operation          status  ms  version  pod",
        "tools/call whoami  200     12  v1       pod-a",
    ]


_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "0"},
}


def _call(base: str, method: str, params: object, *, session: str = "", headers: dict[str, str] | None = None):
    sent = {"content-type": "application/json", "accept": "application/json, text/event-stream", **(headers or {})}
    if session:
        sent["mcp-session-id"] = session
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return send(Request(url=f"{base}/mcp", method="POST", headers=sent, body=body))


def _result(reply):
    text = reply.body
    if reply.header("content-type").startswith("text/event-stream"):
        text = next(line[6:] for line in text.splitlines() if line.startswith("data: {"))
    return json.loads(text)["result"]
