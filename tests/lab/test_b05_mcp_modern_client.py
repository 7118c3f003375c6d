"""B05: the official SDK's client of 2026-07-28 works through the gateway: no session, one request per call."""

from __future__ import annotations

import asyncio
from typing import Any

from lab.workloads.client import Era, Exchange, Target, connect
from tests.lab.running_lab import RunningLab, fails


def run_client(lab: RunningLab) -> tuple[list[Exchange], list[float], dict[str, Any]]:
    exchanges: list[Exchange] = []
    told: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async def run() -> dict[str, Any]:
        target = Target(
            url=lab.mcp_url,
            ca_file=lab.ca_file,
            addresses={lab.host: lab.public.address},
            headers={"authorization": f"Bearer {lab.token()}"},
        )
        async with connect(target, Era.MODERN, exchanges) as client:
            await client.list_tools()
            await client.call_tool("stream", {"seconds": 0.5, "interval": 0.1}, progress_callback=on_progress)
            result = await client.call_tool("execute_sql", {"statement": "select count(*) from orders"})
            assert result.structured_content is not None
            assert result.structured_content["rows"] == [[3]]
            result = await client.call_tool("whoami", {})
        assert result.structured_content is not None
        return result.structured_content

    return exchanges, told, asyncio.run(run())


def check_modern_client(lab: RunningLab) -> None:
    try:
        exchanges, progress, answer = run_client(lab)
    except Exception as error:
        raise AssertionError(f"the client failed: {error!r}") from error
    assert {(exchange.method, exchange.status) for exchange in exchanges} == {("POST", 200)}
    assert not any(exchange.session for exchange in exchanges)
    assert len(progress) == 5
    assert (answer["protocol_version"], answer["subject"]) == ("2026-07-28", "user-1")


def test_a_modern_client_lists_streams_and_calls(lab: RunningLab) -> None:
    check_modern_client(lab)


def test_it_is_the_route_by_verified_claims_that_lets_it_through(lab: RunningLab) -> None:
    def another_audience(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            for match in route.get("match", ()):
                if "@request.auth.claims[aud]" in match.get("headers", {}):
                    match["headers"]["@request.auth.claims[aud]"] = {"exact": "https://another.example.com/mcp"}

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", another_audience), fails():
        check_modern_client(lab)
