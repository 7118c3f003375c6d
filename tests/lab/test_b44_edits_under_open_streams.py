"""B44: rules about tokens, callers and limits change while streams are open, at the gateway and at the app's sidecar.

Either proxy takes a changed rule as a new listener and drains the old one, with the streams on it, for as long as the
longest call that the stack declares.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.lab.running_lab import Pod, RunningLab
from tests.lab.test_b11_long_stream import stream

SECONDS = 80
STREAMS = 4
LATE_SECONDS = 3.0
"""An event that a new listener would have cut off comes never; one that a busy machine sends late comes."""


def draining(pod: Pod) -> int:
    return sum(pod.envoy_counters(r"^listener_manager\.total_listeners_draining$").values())


def test_no_stream_is_cut_by_an_edit_of_any_rule(lab: RunningLab) -> None:
    auth, limit = lab.auth, lab.stack.apps["chatgpt-mcp"].rate_limit
    assert limit is not None
    edits = {
        "a denied subject": {"auth": auth.model_copy(update={"deny_subjects": (*auth.deny_subjects, "somebody")})},
        "a scope": {"auth": auth.model_copy(update={"scopes": (*auth.scopes, "another.scope")})},
        "a limit": {"rate_limit": limit.model_copy(update={"requests": limit.requests + 1})},
        "callers": {"callers": ()},
    }
    proxies = [*lab.gateway_pods("public"), *lab.mcp_pods()]
    drained: set[str] = set()
    with ThreadPoolExecutor(STREAMS) as pool:
        streams = [pool.submit(stream, lab, SECONDS) for _ in range(STREAMS)]
        time.sleep(5)
        started = time.monotonic()
        for change in edits.values():
            with lab.declaring_app(**change):
                drained.update(pod.name for pod in proxies if draining(pod))
        assert time.monotonic() - started < SECONDS - 10, "the edits came after the streams"
        for one in streams:
            lags, result = one.result()
            assert len(lags) == result["events"] == SECONDS
            assert max(lags) < LATE_SECONDS
    assert {pod.name for pod in lab.gateway_pods("public")} <= drained, "nothing was drained, so nothing is shown"
