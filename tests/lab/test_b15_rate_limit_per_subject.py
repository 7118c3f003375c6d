"""B15: who asks too often is told so, with the numbers; nobody else notices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from lab.workloads.request import send, send_kept_alive
from tests.lab.running_lab import fails, new_id, statuses

if TYPE_CHECKING:
    from chatgpt_mesh.mesh.specs.rate_limit import RateLimitSpec
    from tests.lab.running_lab import RunningLab

pytestmark = pytest.mark.timing("a bucket fills again while the requests are sent")


@pytest.fixture
def limit(lab: RunningLab) -> RateLimitSpec:
    declared = lab.stack.apps["chatgpt-mcp"].rate_limit
    if declared is None or declared.per != "subject":
        pytest.skip("this stack limits nobody by subject (rate_limit.per)")
    return declared


def check_limited(lab: RunningLab, rate: RateLimitSpec) -> None:
    limit = rate.requests
    subject = new_id("busy")
    request = lab.call("ping", token=lab.token(subject=subject))
    started = time.monotonic()
    replies = send_kept_alive([request] * (limit + limit // 2), connections=4)
    refilled = limit * (time.monotonic() - started) / rate.every.total_seconds()
    answered = statuses(replies)
    assert set(answered) == {200, 429}, set(answered)
    assert limit <= answered.count(200) <= limit + refilled + 5, (answered.count(200), refilled)
    limited = next(reply for reply in replies if reply.status == 429)
    assert limited.header("x-ratelimit-limit").startswith(str(limit))
    assert limited.header("x-ratelimit-remaining") == "0"
    assert not limited.header("x-served-by"), "a limited request reached the app"
    other = send(lab.call("ping", token=lab.token(subject=new_id("calm"))))
    assert other.status == 200, str(other)


def test_more_than_the_limit_is_429_for_that_subject_only(lab: RunningLab, limit: RateLimitSpec) -> None:
    check_limited(lab, limit)


def test_it_is_the_limit_that_refuses(lab: RunningLab, limit: RateLimitSpec) -> None:
    with lab.objects.without("EnvoyFilter", "istio-ingress", "public-rate-limits"), fails():
        check_limited(lab, limit)
