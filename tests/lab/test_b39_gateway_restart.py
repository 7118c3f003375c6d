"""B39: a gateway is restarted under load with open streams: no new request fails, and streams get their drain time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.kubectl import end_leaving_pods, kubectl, wait_rolled_out
from tests.lab.running_lab import eventually, fails
from tests.lab.test_b11_long_stream import stream
from tests.lab.test_b24_rollout_under_load import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

STREAMS = 4
STREAM_SECONDS = 45
LEAST_REQUESTS = 300


def restart(lab: RunningLab) -> None:
    """Pods anew, the old ones after the new ones are ready, as a rollout of the chart does it."""
    gateway = lab.stack.gateways["public"]
    old = {pod.name for pod in lab.gateway_pods("public")}
    kubectl(lab, "rollout", "restart", f"deployment/{gateway.release_name}", f"--namespace={gateway.home}")
    wait_rolled_out(lab, gateway.home, f"deployment/{gateway.release_name}")
    eventually(
        lambda: not old & {pod.name for pod in lab.gateway_pods("public")}, within=60, what="old pods are ending"
    )


@pytest.fixture(autouse=True)
def nobody_drains(lab: RunningLab) -> Iterator[None]:
    yield
    end_leaving_pods(lab, lab.stack.gateways["public"].home)


def check_restart(lab: RunningLab) -> None:
    with ThreadPoolExecutor(STREAMS) as pool, load(lab, requests_per_connection=1) as seen:
        streams = [pool.submit(stream, lab, STREAM_SECONDS) for _ in range(STREAMS)]
        time.sleep(3)
        restart(lab)
        assert not any(one.done() for one in streams), "the restart came after the streams"
        for one in streams:
            lags, result = one.result()
            assert len(lags) == result["events"] == STREAM_SECONDS
    assert len(seen.replies) > LEAST_REQUESTS
    assert not seen.failures, seen.failures.most_common(3)


def test_no_request_fails_and_no_stream_is_cut(lab: RunningLab) -> None:
    check_restart(lab)


def test_it_is_the_grace_of_the_pods_that_spares_them(lab: RunningLab) -> None:
    def hurry(deployment: dict[str, Any]) -> None:
        deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1

    gateway = lab.stack.gateways["public"]
    edited = lab.objects.edited("Deployment", gateway.home, gateway.release_name, hurry)
    with edited:
        wait_rolled_out(lab, gateway.home, f"deployment/{gateway.release_name}")
        # A stream that a pod of before takes in its last moment has the grace of before.
        end_leaving_pods(lab, gateway.home)
        with fails():
            check_restart(lab)
