"""B24: a rollout is moved to its end and the old version removed, under constant load, without one failed request."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from lab.workloads.request import Connection, Reply, Request
from tests.lab.rolling_out import deploy, steps
from tests.lab.running_lab import RunningLab, fails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.timing("the load must not itself run into the limits of a stalled machine")

CONNECTIONS = 4
PAUSE_SECONDS = 0.03


@dataclass
class Load:
    """What constant load has seen."""

    replies: list[Reply] = field(default_factory=list[Reply])
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def failures(self) -> Counter[str]:
        return Counter(str(reply) for reply in self.replies if reply.status != 200)

    def send(self, requests: Iterator[Request], requests_per_connection: int | None) -> None:
        number = 0
        with Connection() as connection:
            while not self.stopped.is_set():
                self.replies.append(connection.send(next(requests)))
                number += 1
                if requests_per_connection and number % requests_per_connection == 0:
                    connection.close()
                time.sleep(PAUSE_SECONDS)


def pings(lab: RunningLab, name: str) -> Iterator[Request]:
    """Of the MCP endpoint. A new subject every so often keeps each far below its rate limit."""
    for number in itertools.count():
        yield lab.call("ping", token=lab.token(subject=f"{name}-{number // 50}"))


def whole_answers(lab: RunningLab, _: str) -> Iterator[Request]:
    """Of the app, not of its MCP endpoint, whose server ends event streams as soon as it is told to stop: for loads
    under which pods of the app end."""
    while True:
        yield lab.public.request(f"https://{lab.host}/health")


@contextmanager
def load(
    lab: RunningLab,
    *,
    requests_per_connection: int | None = None,
    requests: Callable[[RunningLab, str], Iterator[Request]] = pings,
) -> Iterator[Load]:
    """Requests without a pause, over connections that are kept alive or opened anew after so many requests."""
    running = Load()
    threads = [
        threading.Thread(target=running.send, args=(requests(lab, f"load-{number}"), requests_per_connection))
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running.stopped.set()
        for thread in threads:
            thread.join()


def test_a_version_is_rolled_out_and_the_old_one_removed(lab: RunningLab, tmp_path: Path) -> None:
    try:
        with load(lab) as seen:
            for step in steps(lab):
                deploy(lab, step, tmp_path)
            answered_by = {reply.header("x-app-version") for reply in seen.replies[-20:]}
            # and the other way: the version comes back, its subset before the route that uses it
            deploy(lab, None, tmp_path)
    finally:
        deploy(lab, None, tmp_path)
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    assert rollout.canary is not None
    assert answered_by == {rollout.canary.version}
    assert len(seen.replies) > 500
    assert not seen.failures, seen.failures.most_common(3)


def test_the_other_order_would_be_noticed(lab: RunningLab) -> None:
    """A subset that goes while routes use it fails requests: the load is dense enough to see it."""
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    with load(lab) as seen, lab.objects.without("DestinationRule", lab.namespace, f"chatgpt-mcp-{rollout.stable}"):
        time.sleep(1)
    with fails():
        assert not seen.failures, seen.failures.most_common(3)
