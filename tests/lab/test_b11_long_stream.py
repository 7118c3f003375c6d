"""B11: a tool call that streams for 75 s is neither cut nor held back."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from lab.workloads.client import Era, Exchange, Target, connect
from tests.lab.running_lab import RunningLab, fails

SECONDS = 75
LATEST_SECONDS = 0.25


def stream(lab: RunningLab, seconds: float) -> tuple[list[float], dict[str, Any]]:
    """How late each event was, and the result. Server and client read the same machine's clock."""
    lags: list[float] = []
    exchanges: list[Exchange] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        sent_at = float(message or 0)
        lags.append(time.time() - sent_at)

    async def run() -> dict[str, Any]:
        target = Target(
            url=lab.mcp_url,
            ca_file=lab.ca_file,
            addresses={lab.host: lab.public.address},
            headers={"authorization": f"Bearer {lab.token()}"},
        )
        async with connect(target, Era.MODERN, exchanges) as client:
            result = await client.call_tool("stream", {"seconds": seconds}, progress_callback=on_progress)
        assert result.structured_content is not None
        return result.structured_content

    try:
        return lags, asyncio.run(run())
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"the stream ended after {len(lags)} events: {error!r}") from error


def check_stream(lab: RunningLab, seconds: float) -> None:
    lags, result = stream(lab, seconds)
    assert len(lags) == result["events"] == seconds
    late = [round(lag, 3) for lag in lags if lag > LATEST_SECONDS]
    assert not late, late


def test_every_event_of_75_seconds_arrives_when_it_is_sent(lab: RunningLab) -> None:
    check_stream(lab, SECONDS)


def test_a_route_timeout_would_cut_it(lab: RunningLab) -> None:
    def time_out(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            if "route" in route:
                route["timeout"] = "3s"

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", time_out), fails():
        check_stream(lab, 6)
