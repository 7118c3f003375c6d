"""What is changed while the streams are open: a route, a policy, the gateway's pods."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from lab.workloads.request import send
from tests.benchmarks.control_plane import mark, route_of_the_app
from tests.benchmarks.data_path.comparison import declared
from tests.benchmarks.data_path.declarations import APP
from tests.benchmarks.streams.edges import PERIOD_SECONDS
from tests.lab.test_b24_rollout_under_load import load
from tests.lab.test_b39_gateway_restart import restart
from tests.lab.test_b44_edits_under_open_streams import draining

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from chatgpt_mesh.stack.settings import Settings
    from lab.workloads.request import Request
    from tests.benchmarks.streams.edges import Clients
    from tests.lab.running_lab import RunningLab

DENIED = "bench-denied"
"""The subject whom the edit of the policy denies."""
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02
_AFTER_RESTART_SECONDS = 10
"""Long enough for a gateway that ends its streams when it is told to stop."""


def broken_by(clients: Clients, change: Callable[[], float]) -> dict[str, Any]:
    """How many streams ended in a change and soon after, how many say nothing since, and seconds until in force."""
    before = clients.state()
    seconds = change()
    # As long as it takes until each stream has had an event.
    clients.begin_to_listen(PERIOD_SECONDS * 1.5)
    silent = clients.listened()["silent"]
    return {"cut": clients.state()["ended"] - before["ended"], "silent": silent, "in_force_seconds": round(seconds, 2)}


def edits(lab: RunningLab, stack: Settings, asked: Callable[[str], Request]) -> dict[str, Callable[[], float]]:
    """Name -> makes an edit, takes it back, and says how many seconds after its beginning a new connection met it.

    Args:
        stack: That is in force.
        asked: A short call by a subject.
    """
    route = route_of_the_app(stack, APP)["metadata"]
    app = stack.apps[APP]
    assert app.auth is not None
    auth = app.auth.model_copy(update={"deny_subjects": (*app.auth.deny_subjects, DENIED)})
    denying = stack.model_copy(update={"apps": {**stack.apps, APP: app.model_copy(update={"auth": auth})}})

    def edited() -> AbstractContextManager[None]:
        return lab.objects.edited(
            "VirtualService", route["namespace"], route["name"], lambda service: mark(service, "edited")
        )

    def denied() -> float:
        seconds = _in_force(declared(lab, denying, over=stack), lambda: send(asked(DENIED)).status == 403)
        drained = [pod.name for pod in lab.gateway_pods("public") if draining(pod)]
        assert drained, "no gateway drained the listener of before, so nothing is shown"
        return seconds

    return {
        "route": lambda: _in_force(edited(), lambda: send(asked("anybody")).header("x-bench") == "edited"),
        "policy": denied,
    }


def _in_force(change: AbstractContextManager[None], shows: Callable[[], bool]) -> float:
    """Seconds from before the write until `shows`; the change is taken back."""
    assert not shows(), "it is in force before anybody changes anything"

    def seen() -> float:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not shows():
            assert time.monotonic() < deadline, f"not in force after {_PATIENCE_SECONDS:.0f} s"
            time.sleep(_POLL_SECONDS)
        return time.monotonic()

    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        first = pool.submit(seen)
        with change:
            return first.result() - began


def restarted(lab: RunningLab, clients: Clients, asked: Callable[[str], Request]) -> dict[str, Any]:
    """A rolling restart of the gateway under requests, each on a connection of its own; then every client leaves its
    stream at the old pod and opens another one."""
    before = clients.state()

    def requests(_: RunningLab, name: str) -> Iterator[Request]:
        call = asked(name)
        while True:
            yield call

    with load(lab, requests_per_connection=1, requests=requests) as seen:
        restart(lab)
        time.sleep(_AFTER_RESTART_SECONDS)
    at_once = clients.state()["ended"] - before["ended"]
    again = clients.grow(clients.leave())
    return {
        "ended_at_once": at_once,
        "requests": len(seen.replies),
        "failed": dict(seen.failures.most_common(3)),
        "refused": again["refused"],
        "open_again_seconds": again["seconds"],
    }
