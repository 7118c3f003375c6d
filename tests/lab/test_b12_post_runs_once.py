"""B12: a call that may have run is not run again; one that cannot have run is tried on another pod."""

from __future__ import annotations

from typing import Any

import pytest

from lab.workloads.request import Reply, send
from tests.lab.running_lab import RunningLab, eventually, fails, new_id, statuses

REFUSING = "chatgpt-mcp-refusing"


def call_with_broken_answer(lab: RunningLab, answer: str) -> tuple[Reply, int]:
    """The reply, and how often the call ran."""
    call_id = new_id("once")
    reply = send(lab.call(arguments={"call_id": call_id}, headers={"x-answer": answer}))
    return reply, lab.executions(call_id)


def check_runs_once(lab: RunningLab, answer: str) -> None:
    reply, executions = call_with_broken_answer(lab, answer)
    assert reply.status >= 500, str(reply)
    assert executions == 1, f"the call ran {executions} times"


@pytest.mark.parametrize("answer", ["503", "reset"])
def test_a_call_whose_answer_breaks_runs_once(lab: RunningLab, answer: str) -> None:
    check_runs_once(lab, answer)


def refusing_pod(lab: RunningLab) -> dict[str, Any]:
    """A pod that the Service counts in and where nothing listens on the port: connections are refused.

    It has no sidecar, which would accept the connection in its place.
    """
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    deployment = lab.objects.get("Deployment", lab.namespace, f"chatgpt-mcp-{rollout.stable}")
    template = deployment["spec"]["template"]
    container = template["spec"]["containers"][0]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": REFUSING,
            "namespace": lab.namespace,
            "labels": {**template["metadata"]["labels"], "sidecar.istio.io/inject": "false"},
        },
        "spec": {
            "serviceAccountName": template["spec"]["serviceAccountName"],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": template["spec"]["securityContext"],
            "containers": [
                {
                    "name": "app",
                    "image": container["image"],
                    "imagePullPolicy": "IfNotPresent",
                    "args": ["-m", "lab.workloads.caller"],
                    "securityContext": container["securityContext"],
                }
            ],
        },
    }


def refused_connections(lab: RunningLab) -> int | None:
    """How often the gateway was refused by that pod; None while it does not know the pod."""
    address = lab.core.read_namespaced_pod(REFUSING, lab.namespace).status.pod_ip
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    gateway = lab.gateway_pods("public")[0]
    return gateway.host_statistic(f"|{rollout.stable}|chatgpt-mcp.", "cx_connect_fail").get(f"{address}:8080")


def check_refused_connections_are_retried(lab: RunningLab) -> None:
    before = refused_connections(lab) or 0
    calls = [new_id("refused") for _ in range(30)]
    replies = [send(lab.call(arguments={"call_id": call_id})) for call_id in calls]
    after = refused_connections(lab) or 0
    assert after > before, "no connection was refused: the pod was not tried"
    assert set(statuses(replies)) == {200}, statuses(replies)
    assert [lab.executions(call_id) for call_id in calls] == [1] * len(calls)


@pytest.fixture(scope="module")
def refusing(lab: RunningLab):
    with lab.objects.with_added(refusing_pod(lab)):
        eventually(
            lambda: refused_connections(lab) is not None, within=60, what="the gateway knows the pod that refuses"
        )
        yield


@pytest.mark.usefixtures("refusing")
def test_a_refused_connection_is_tried_on_another_pod(lab: RunningLab) -> None:
    check_refused_connections_are_retried(lab)


@pytest.mark.usefixtures("refusing")
def test_it_is_the_retry_on_connection_failures_that_answers(lab: RunningLab) -> None:
    def no_retries(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            if "route" in route:
                route["retries"] = {"attempts": 0}

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", no_retries), fails():
        check_refused_connections_are_retried(lab)


def test_it_is_the_retry_condition_that_runs_calls_once(lab: RunningLab) -> None:
    """With the conditions that are often recommended, the same call runs again and again."""

    def retry_everything(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            if "route" in route:
                route["retries"] = {"attempts": 3, "retryOn": "5xx,reset"}

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", retry_everything):
        for answer in ("503", "reset"):
            with fails():
                check_runs_once(lab, answer)
