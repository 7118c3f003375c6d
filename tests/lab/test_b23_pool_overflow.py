"""B23: one stream more than the pool allows is turned away at once, and the others go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.mesh.specs.resilience import PoolSpec
from lab.workloads.request import send_all
from tests.lab.running_lab import fails, tool_result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

pytestmark = pytest.mark.timing("requests must be under way together to overflow a pool")

ALLOWED, OPENED, SECONDS = 3, 6, 4


@pytest.fixture(scope="module", autouse=True)
def small_pool(lab: RunningLab) -> Iterator[None]:
    """The deployed stack with a pool that a test can fill, and one version, whose pool it is."""
    app = lab.stack.apps["chatgpt-mcp"]
    pool = PoolSpec(open_streams=ALLOWED)
    resilience = app.resilience.model_copy(update={"pool": pool})
    rollout = app.rollout.model_copy(update={"canary": None}) if app.rollout else None
    with lab.declaring_app(resilience=resilience, rollout=rollout):
        yield


def check_overflow(lab: RunningLab) -> None:
    call = lab.call(tool="stream", arguments={"seconds": SECONDS, "interval": 0.5}, timeout=SECONDS + 10)
    replies = send_all([call] * OPENED, parallel=OPENED)
    served = [reply for reply in replies if reply.status == 200]
    refused = [reply for reply in replies if reply.status == 503]
    assert (len(served), len(refused)) == (ALLOWED, OPENED - ALLOWED), [str(reply) for reply in replies]
    for reply in served:
        assert tool_result(reply)["structuredContent"]["events"] == SECONDS / 0.5
    for reply in refused:
        assert reply.header("x-envoy-overloaded") == "true"
        assert reply.seconds < 1, reply.seconds


def test_the_extra_streams_are_refused_at_once_and_the_rest_go_on(lab: RunningLab) -> None:
    check_overflow(lab)


def test_it_is_the_pools_limit_that_refuses(lab: RunningLab) -> None:
    def enlarge(rule: dict[str, Any]) -> None:
        rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = 100

    with lab.objects.edited("DestinationRule", lab.namespace, "chatgpt-mcp", enlarge), fails():
        check_overflow(lab)
