"""B38: istiod is away for a minute under load: no request fails, and what changed meanwhile arrives when it is back."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from lab.workloads.request import send
from tests.lab.kubectl import ISTIO_SYSTEM, kubectl, scaled
from tests.lab.running_lab import eventually, fails
from tests.lab.test_b24_rollout_under_load import CONNECTIONS, load, whole_answers

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

AWAY_SECONDS = 60
IN_FORCE_SECONDS = 10
LEAST_REQUESTS = 500


@contextlib.contextmanager
def istiod_away(lab: RunningLab) -> Iterator[None]:
    with scaled(lab, ISTIO_SYSTEM, "istiod", "app=istiod", to=0):
        yield
    lab.objects.wait_synced()


def test_no_request_fails_while_it_is_away(lab: RunningLab) -> None:
    with load(lab, requests_per_connection=20) as seen, istiod_away(lab):
        time.sleep(AWAY_SECONDS)
    assert len(seen.replies) > LEAST_REQUESTS
    assert not seen.failures, seen.failures.most_common(3)


def fail_as_a_pod_ends(lab: RunningLab) -> Counter[str]:
    """What failed while a pod ended that the gateway went on to send requests to."""
    pods = {pod.name for pod in lab.mcp_pods()}
    with load(lab, requests_per_connection=20, requests=whole_answers) as seen:
        with istiod_away(lab):
            kubectl(lab, "delete", "pod", min(pods), f"--namespace={lab.namespace}", "--wait=true")
            time.sleep(10)
            assert {pod.name for pod in lab.mcp_pods()} < pods, "a pod without its sidecar was let in"
        eventually(lambda: len(lab.mcp_pods()) == len(pods), within=60, what="the pod has a successor")
        (successor,) = {pod.name for pod in lab.mcp_pods()} - pods
        eventually(lambda: successor in served_by(lab), within=IN_FORCE_SECONDS, what=f"{successor} answers")
    assert len(seen.replies) > LEAST_REQUESTS
    return seen.failures


def check_a_pod_may_end_meanwhile(lab: RunningLab) -> None:
    """Its sidecar outlives the app for some seconds and answers 503 for it, which may be the answer of a call that
    ran and is never tried again; after the declared count the pod is left out."""
    outlier = lab.stack.apps["chatgpt-mcp"].resilience.outlier
    assert outlier is not None
    failures = fail_as_a_pod_ends(lab)
    assert failures.total() <= outlier.consecutive_gateway_errors + CONNECTIONS, failures.most_common(3)


@pytest.mark.long
def test_a_pod_that_ends_meanwhile_is_left_out_and_the_next_one_is_known_when_it_is_back(lab: RunningLab) -> None:
    check_a_pod_may_end_meanwhile(lab)


@pytest.mark.long
def test_it_is_the_second_try_and_the_ejection_that_spare_the_rest(lab: RunningLab) -> None:
    resilience = lab.stack.apps["chatgpt-mcp"].resilience
    once = resilience.retries.model_copy(update={"attempts": 0})
    with lab.declaring_app(resilience=resilience.model_copy(update={"retries": once, "outlier": None})), fails():
        check_a_pod_may_end_meanwhile(lab)


def served_by(lab: RunningLab) -> set[str]:
    tokens = [lab.token(subject=f"known-{number}") for number in range(4)]
    return {send(lab.call("ping", token=token)).header("x-served-by") for token in tokens for _ in range(5)}
