"""B52: an app closes idle connections after seconds: its sidecar lets go before, and no POST meets a closing one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from lab.workloads.request import send
from tests.lab.running_lab import fails, new_id

if TYPE_CHECKING:
    from datetime import timedelta

    from tests.lab.running_lab import Pod, RunningLab

pytestmark = pytest.mark.timing(
    "requests are sent some milliseconds around the moment at which the app closes a connection"
)

CLIENTS = 200
ROUNDS = 10


@pytest.fixture
def closes_after(lab: RunningLab) -> timedelta:
    """uvicorn serves the sample app, with its own default of five seconds."""
    service = lab.stack.apps["chatgpt-mcp"].service
    assert service is not None
    if service.keep_alive_timeout is None:
        pytest.skip("this app closes no connection (service.keep_alive_timeout)")
    return service.keep_alive_timeout


def open_to_the_app(pod: Pod) -> int:
    return sum(pod.host_statistic("inbound|8080|", "cx_active").values())


def check_let_go(lab: RunningLab, closes_after: timedelta) -> None:
    assert send(lab.call("ping", token=lab.token(subject=new_id("idle")))).status == 200
    time.sleep(closes_after.total_seconds() - 0.4)
    still_open = {pod.name: open_to_the_app(pod) for pod in lab.mcp_pods()}
    assert not any(still_open.values()), still_open


def test_the_sidecar_lets_go_before_the_app(lab: RunningLab, closes_after: timedelta) -> None:
    check_let_go(lab, closes_after)


def test_it_is_the_sidecars_own_pool_that_lets_go(lab: RunningLab, closes_after: timedelta) -> None:
    service = lab.stack.apps["chatgpt-mcp"].service
    assert service is not None
    with lab.declaring_app(service=service.model_copy(update={"keep_alive_timeout": None})), fails():
        check_let_go(lab, closes_after)


@pytest.mark.long
def test_no_post_at_the_worst_moment_is_answered_503(lab: RunningLab, closes_after: timedelta) -> None:
    def client(number: int) -> list[int]:
        call = lab.call("ping", token=lab.token(subject=new_id("worst")))
        answered: list[int] = []
        for _ in range(ROUNDS):
            answered.append(send(call).status)
            # Around the moment at which the app would close: some a little before, some a little after.
            time.sleep(closes_after.total_seconds() + (number - CLIENTS / 2) * 0.0005)
        return answered

    with ThreadPoolExecutor(CLIENTS) as clients:
        answered = [status for found in clients.map(client, range(CLIENTS)) for status in found]
    assert set(answered) == {200}, answered
