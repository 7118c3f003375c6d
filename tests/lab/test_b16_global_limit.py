"""B16: a global limit counts over all gateway replicas, and lets pass while its Redis is down."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lab import limits
from lab.screen import Screen
from lab.toolchain import Toolchain
from lab.workloads.request import Reply, send
from tests.lab.running_lab import RunningLab, eventually, fails, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS = 20
EVERY = "1h"
SETTINGS: dict[str, Any] = {
    "rate_limit_service": {
        "deployment": {
            "image": limits.SERVICE_IMAGE,
            "replicas": 1,
            "resources": {"cpu": "10m", "memory": "32Mi"},
            "redis": {"host": limits.REDIS_HOST, "tls": False},
        }
    },
    "gateways": {"public": {"workload": {"replicas": {"min": 2, "max": 2}}}},
    "apps": {"chatgpt-mcp": {"rate_limit": {"requests": REQUESTS, "every": EVERY, "counted": "global"}}},
}


@pytest.fixture(scope="module")
def counting(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """The mesh with two public gateways, the rate limit service and its Redis."""
    limits.ensure_images(lab.state, Toolchain(), Screen())
    stack = lab.stack_with(SETTINGS, tmp_path_factory.mktemp("stack"))
    up = ("up", "--yes", "--skip-preview")
    with lab.objects.with_added(*limits.redis_manifests()):
        try:
            done = lab.pulumi(*up, stack_file=stack)
            assert done.returncode == 0, done.stdout[-3000:]
            eventually(lambda: len(lab.gateway_pods("public")) == 2, within=30, what="two public gateways")
            yield lab
        finally:
            assert lab.pulumi(*up).returncode == 0


def at_each_gateway(lab: RunningLab, requests: int, token: str) -> dict[str, list[Reply]]:
    """Replies of each gateway pod, asked in turn, each by its own address."""
    pods = lab.gateway_pods("public")
    found: dict[str, list[Reply]] = {pod.ip: [] for pod in pods}
    for number in range(requests):
        pod = pods[number % len(pods)]
        call = lab.call("ping", token=token)
        found[pod.ip].append(send(replace(call, address=pod.ip)))
    return found


def check_sum(counting: RunningLab) -> None:
    replies = at_each_gateway(counting, REQUESTS + 10, counting.token(subject=new_id("global")))
    assert len(replies) == 2
    answered = Counter(reply.status for one in replies.values() for reply in one)
    assert answered == {200: REQUESTS, 429: 10}, answered
    assert all(any(reply.status == 200 for reply in one) for one in replies.values()), "both have let some pass"
    assert all(any(reply.status == 429 for reply in one) for one in replies.values()), "both have refused some"


def test_the_sum_over_both_gateways_is_limited(counting: RunningLab) -> None:
    check_sum(counting)


def test_it_is_the_service_that_counts_and_the_gateway_has_to_know_it(counting: RunningLab) -> None:
    with (
        counting.objects.edited("EnvoyFilter", "istio-ingress", "public-rate-limits", _without_annotation),
        fails(),
    ):
        check_sum(counting)


def _without_annotation(limits: dict[str, Any]) -> None:
    del limits["metadata"]["annotations"]


def test_a_refusal_says_when_to_come_back(counting: RunningLab) -> None:
    token = counting.token(subject=new_id("global"))
    replies = [reply for one in at_each_gateway(counting, REQUESTS + 2, token).values() for reply in one]
    refused = [reply for reply in replies if reply.status == 429]
    assert refused
    for reply in refused:
        assert 0 < int(reply.header("retry-after")) <= 60
        assert reply.header("x-ratelimit-remaining") == "0"
        assert 0 < int(reply.header("x-ratelimit-reset")) <= 3600


def test_another_subject_has_a_count_of_its_own(counting: RunningLab) -> None:
    used = counting.token(subject=new_id("global"))
    at_each_gateway(counting, REQUESTS + 1, used)
    other = at_each_gateway(counting, 2, counting.token(subject=new_id("global")))
    assert {reply.status for one in other.values() for reply in one} == {200}


def scaled(replicas: int) -> None:
    command = ["kubectl", "scale", "deployment/redis", "--namespace=outside-mesh", f"--replicas={replicas}"]
    subprocess.run(command, check=True, capture_output=True)
    wait = ["kubectl", "rollout", "status", "deployment/redis", "--namespace=outside-mesh", "--timeout=60s"]
    subprocess.run(wait, check=True, capture_output=True)


def service_log() -> str:
    """What the rate limit service has said for half a minute."""
    which = ["--namespace=ratelimit", "--selector=app=ratelimit", "--container=ratelimit", "--since=30s"]
    return subprocess.run(["kubectl", "logs", *which], check=True, capture_output=True, text=True).stdout


def test_with_redis_down_requests_pass_and_it_is_logged(counting: RunningLab) -> None:
    token = counting.token(subject=new_id("global"))
    scaled(0)
    try:
        # One that is being deleted still counts.
        gone = ["kubectl", "wait", "--for=delete", "pod", "--selector=app=redis", "--namespace=outside-mesh"]
        subprocess.run([*gone, "--timeout=60s"], check=True, capture_output=True)
        started = time.monotonic()
        replies = [reply for one in at_each_gateway(counting, REQUESTS + 10, token).values() for reply in one]
        assert {reply.status for reply in replies} == {200}
        # Each waits for the service, and for no longer than is declared.
        assert (time.monotonic() - started) / len(replies) < 1
        assert "redis connection error" in service_log(), service_log()
    finally:
        scaled(1)
    fresh = counting.token(subject=new_id("global"))

    def limited_again() -> bool:
        replies = [reply for one in at_each_gateway(counting, REQUESTS + 2, fresh).values() for reply in one]
        return any(reply.status == 429 for reply in replies)

    eventually(limited_again, within=60, what="counted again when Redis is back")
