"""Limits by a claim's value, by tool and by address, and a 429 that says when to come back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.mesh.specs.rate_limit import RateLimitSpec
from lab.workloads.request import send_kept_alive
from tests.lab.running_lab import fails, new_id

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.lab.running_lab import RunningLab

pytestmark = pytest.mark.timing("buckets fill again while the requests are sent")

BASE, PRO, CALLS = 10, 40, 3
CURRENT = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"}


def limited(lab: RunningLab, **limit: Any) -> AbstractContextManager[None]:
    """The app with this limit in place of its own, slow enough that nothing comes back during a test."""
    spec = RateLimitSpec.model_validate({"every": "24h", "counted": "replica", **limit})
    return lab.declaring_app(rate_limit=spec, further_rate_limits=())


def tiers(lab: RunningLab, **more: Any) -> AbstractContextManager[None]:
    return limited(lab, requests=BASE, tiers={"claim": "plan", "requests": {"pro": PRO}}, **more)


def passing(lab: RunningLab, requests: int, **claims: Any) -> int:
    """How many of so many requests of a new subject pass; all others are 429."""
    token = lab.token(subject=new_id("tier"), **claims)
    replies = send_kept_alive([lab.call("ping", token=token)] * requests, connections=1)
    answered = Counter(reply.status for reply in replies)
    assert set(answered) <= {200, 429}, answered
    return answered[200]


def check_tier(lab: RunningLab) -> None:
    assert passing(lab, BASE + 5) == BASE
    assert passing(lab, PRO + 5, plan="pro") == PRO


def test_a_token_of_a_tier_has_the_tiers_number(lab: RunningLab) -> None:
    with tiers(lab):
        check_tier(lab)
        assert passing(lab, PRO + 5, plan=["trial", "pro"]) == PRO
        assert passing(lab, BASE + 5, plan="other") == BASE


def test_it_is_the_tier_that_makes_the_difference(lab: RunningLab) -> None:
    with limited(lab, requests=BASE), fails():
        check_tier(lab)


def refused_calls(lab: RunningLab, headers: dict[str, str]) -> int:
    """How many of eight calls of a new subject are 429, whatever becomes of the others."""
    call = lab.call(tool="whoami", token=lab.token(subject=new_id("tool")), headers={**CURRENT, **headers})
    return [reply.status for reply in send_kept_alive([call] * 8, connections=1)].count(429)


def test_a_tool_is_counted_for_itself_whatever_a_call_hides(lab: RunningLab) -> None:
    with limited(lab, requests=1000, tools={"execute_sql": CALLS}):
        assert refused_calls(lab, {"mcp-name": "whoami"}) == 0
        for hiding in ({"mcp-name": "execute_sql"}, {}, {"mcp-name": "=?base64?ZXhlY3V0ZV9zcWw=?="}):
            assert refused_calls(lab, hiding) == 8 - CALLS, hiding


def test_an_address_is_counted_before_it_has_a_token_and_not_by_what_it_writes(lab: RunningLab) -> None:
    written = [{"x-forwarded-for": f"198.51.100.{number}"} for number in range(BASE + 5)]
    with limited(lab, per="address", requests=BASE):
        replies = send_kept_alive([lab.call("ping", token="", headers=one) for one in written], connections=1)
    answered = Counter(reply.status for reply in replies)
    assert answered == {401: BASE, 429: 5}, answered
    refused = next(reply for reply in replies if reply.status == 429)
    assert int(refused.header("retry-after")) == 86400 // BASE
