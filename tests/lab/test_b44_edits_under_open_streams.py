"""B44: rules about tokens, callers and limits change while streams are open, at the gateway and at the app's sidecar.

Either proxy takes a changed rule as a new listener and drains the old one, with the streams on it, for as long as the
longest call that the stack declares.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab.running_lab import Pod, RunningLab, eventually, fails
from tests.lab.test_b11_long_stream import stream

SECONDS = 80
STREAMS = 4
LATE_SECONDS = 3.0
"""An event that a new listener would have cut off comes never; one that a busy machine sends late comes."""


def draining(pod: Pod) -> int:
    """Envoy drains the filter chains that changed, and the listener itself where more than those did."""
    return sum(pod.envoy_counters(r"^listener_manager\.total_(listeners|filter_chains)_draining$").values())


def check_no_stream_is_cut(lab: RunningLab, seconds: int, edits: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Open streams, make each of these edits of the app and take it back, and wait for the streams' ends.

    Returns the names of the pods that drained something on the way.
    """
    proxies = [*lab.gateway_pods("public"), *lab.mcp_pods()]
    drained: set[str] = set()
    with ThreadPoolExecutor(STREAMS) as pool:
        streams = [pool.submit(stream, lab, seconds) for _ in range(STREAMS)]
        time.sleep(3)
        for change in edits.values():
            with lab.declaring_app(**change):
                drained.update(pod.name for pod in proxies if draining(pod))
        assert not any(one.done() and one.exception() is None for one in streams), "the edits came after the streams"
        for one in streams:
            lags, result = one.result()
            assert len(lags) == result["events"] == seconds
            assert max(lags) < LATE_SECONDS
    return drained


def rules(lab: RunningLab) -> dict[str, dict[str, Any]]:
    auth, limit = lab.auth, lab.stack.apps["chatgpt-mcp"].rate_limit
    assert limit is not None
    tokens = {"deny_subjects": (*auth.deny_subjects, "somebody"), "scopes": (*auth.scopes, "another.scope")}
    return {
        "tokens and limits, at the gateway": {
            "auth": auth.model_copy(update=tokens),
            "rate_limit": limit.model_copy(update={"requests": limit.requests + 1}),
        },
        "callers, at the app": {"callers": ()},
    }


def test_no_stream_is_cut_by_an_edit_of_any_rule(lab: RunningLab) -> None:
    drained = check_no_stream_is_cut(lab, SECONDS, rules(lab))
    assert drained & {pod.name for pod in lab.gateway_pods("public")}, "no gateway drained, so nothing is shown"
    assert drained & {pod.name for pod in lab.mcp_pods()}, "no sidecar drained, so nothing is shown"


@contextlib.contextmanager
def sidecars_that_drain_for_a_second(lab: RunningLab) -> Iterator[None]:
    def hurry(deployment: dict[str, Any]) -> None:
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        annotations["proxy.istio.io/config"] = '{"drainDuration": "1s"}'

    with contextlib.ExitStack() as deployments:
        for name in ("chatgpt-mcp-v1", "chatgpt-mcp-v2"):
            deployments.enter_context(lab.objects.edited("Deployment", lab.namespace, name, hurry))
        eventually(lambda: set(map(drain_time, lab.mcp_pods())) == {"1s"}, within=120, what="every pod drains in 1 s")
        yield
    eventually(lambda: "1s" not in set(map(drain_time, lab.mcp_pods())), within=120, what="no pod drains in 1 s")


def drain_time(pod: Pod) -> str:
    """The time that a sidecar was started with; empty while it cannot be asked."""
    try:
        told = pod.envoy("/server_info")
    except OSError:
        return ""
    return told.partition('"drain_time": "')[2].partition('"')[0]


@pytest.mark.long
def test_a_sidecar_that_drains_sooner_than_the_longest_call_cuts_it(lab: RunningLab) -> None:
    callers = {"callers": rules(lab)["callers, at the app"]}
    with sidecars_that_drain_for_a_second(lab), fails():
        check_no_stream_is_cut(lab, 20, callers)
