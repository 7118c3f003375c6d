"""B04: the official SDK's client of the legacy era works through the gateway, with a session and with event streams."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from lab.workloads.client import Era, Exchange, Target, connect
from tests.lab.running_lab import RunningLab, fails

V2 = "v2"
"""The version that this client is led to."""


def run_client(lab: RunningLab, headers: dict[str, str]) -> tuple[list[Exchange], list[float], dict[str, Any]]:
    """What the client exchanged, the progress it was told of, and what the tool returned."""
    exchanges: list[Exchange] = []
    told: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async def run() -> dict[str, Any]:
        target = Target(
            url=lab.mcp_url,
            ca_file=lab.ca_file,
            addresses={lab.host: lab.public.address},
            headers={"authorization": f"Bearer {lab.token()}", **headers},
        )
        async with connect(target, Era.LEGACY, exchanges) as client:
            await client.list_tools()
            await client.call_tool("stream", {"seconds": 0.5, "interval": 0.1}, progress_callback=on_progress)
            result = await client.call_tool("whoami", {})
        assert result.structured_content is not None
        return result.structured_content

    return exchanges, told, asyncio.run(run())


def check_session(lab: RunningLab) -> None:
    with _all_to_v2(lab) as pin:
        try:
            exchanges, progress, answer = run_client(lab, pin)
        except Exception as error:
            raise AssertionError(f"the client failed: {error!r}") from error
    by_operation = {exchange.operation: exchange for exchange in exchanges}
    assert by_operation["initialize"].status == 200
    session = by_operation["initialize"].session
    assert session
    assert by_operation["notifications/initialized"].status == 202
    assert by_operation["GET /mcp"].content_type.startswith("text/event-stream")
    assert by_operation["tools/list"].status == 200
    assert by_operation["tools/call stream"].content_type.startswith("text/event-stream")
    assert len(progress) == 5
    assert by_operation["DELETE /mcp"].status == 200
    assert answer["version"] == V2
    assert session.startswith(f"{answer['session']}~{V2}~"), "the client's id is the server's own, and where it began"


@contextlib.contextmanager
def _all_to_v2(lab: RunningLab):
    """Everything of this client reaches v2: by the pin where clients may use it, else by moving the weights."""
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    canary = rollout.canary
    if canary is not None and canary.pin is not None and canary.pin.header and canary.pin.allowed == "anyone":
        yield {canary.pin.header: canary.pin.value}
        return
    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", _move_weights):
        yield {}


def _move_weights(service: dict[str, Any]) -> None:
    for route in service["spec"]["http"]:
        for destination in route.get("route", ()):
            if "weight" in destination:
                destination["weight"] = 100 if destination["destination"].get("subset") == V2 else 0


def test_a_client_with_a_session_does_all_it_can(lab: RunningLab) -> None:
    check_session(lab)


def test_a_client_that_nothing_leads_stays_where_it_began(lab: RunningLab) -> None:
    exchanges, progress, answer = run_client(lab, {})
    assert {exchange.status for exchange in exchanges} <= {200, 202}
    assert {exchange.version for exchange in exchanges} == {answer["version"]}
    assert len(progress) == 5


def test_it_is_the_route_that_carries_all_three_methods(lab: RunningLab) -> None:
    """With POST alone, as a route for the modern era would have it, the session's stream and its end do not pass."""

    def post_only(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            for match in route.get("match", ()):
                if "regex" in match.get("method", {}) and "route" in route:
                    match["method"] = {"exact": "POST"}

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", post_only), fails():
        check_session(lab)
