"""B22: one pod of three that answers 503 is left out after the declared count, and is back after the declared time."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from lab.workloads.recorder import Answer
from lab.workloads.request import Connection, send_kept_alive
from tests.lab.running_lab import eventually, fails, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.specs.resilience import OutlierSpec
    from tests.lab.running_lab import Pod, RunningLab

pytestmark = pytest.mark.timing("ejection and return are awaited within the declared intervals")

REPLICAS = 3


def stable(lab: RunningLab) -> str:
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    return rollout.stable


@pytest.fixture(scope="module", autouse=True)
def three_pods(lab: RunningLab) -> Iterator[list[Pod]]:
    """All traffic at one version with three pods."""

    def scale(deployment: dict[str, Any]) -> None:
        deployment["spec"]["replicas"] = REPLICAS

    def one_version(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            for destination in route.get("route", ()):
                destination["destination"]["subset"] = stable(lab)

    with (
        lab.objects.edited("Deployment", lab.namespace, f"chatgpt-mcp-{stable(lab)}", scale),
        lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", one_version),
    ):
        all_healthy = ["healthy"] * REPLICAS
        eventually(lambda: [*flags(lab).values()] == all_healthy, within=120, what=f"{REPLICAS} healthy pods")
        yield lab.mcp_pods(stable(lab))


@pytest.fixture
def outlier(lab: RunningLab) -> OutlierSpec:
    declared = lab.stack.apps["chatgpt-mcp"].resilience.outlier
    if declared is None:
        pytest.skip("this stack ejects no pod (resilience.outlier)")
    return declared


@pytest.fixture(autouse=True)
def mended(three_pods: list[Pod]) -> Iterator[None]:
    yield
    for pod in three_pods:
        pod.answer(Answer.GIVEN)


def flags(lab: RunningLab) -> dict[str, str]:
    """Address -> health flags of the version's pods, as the gateway sees them."""
    found: dict[str, str] = {}
    for line in lab.gateway_pods("public")[0].envoy("/clusters").splitlines():
        match line.split("::"):
            case [owner, address, "health_flags", value] if f"|{stable(lab)}|chatgpt-mcp." in owner:
                found[address.partition(":")[0]] = value
    return found


def ejected(lab: RunningLab) -> set[str]:
    return {address for address, value in flags(lab).items() if "failed_outlier_check" in value}


def answers(lab: RunningLab, requests: int) -> Counter[int]:
    call = lab.call("ping", token=lab.token(subject=new_id("outlier")))
    return Counter(reply.status for reply in send_kept_alive([call] * requests, connections=2))


def check_ejected(lab: RunningLab, pods: list[Pod], outlier: OutlierSpec) -> None:
    broken = pods[0]
    broken.answer(Answer.UNAVAILABLE)
    call = lab.call("ping", token=lab.token(subject=new_id("outlier")))
    failures = 0
    with Connection() as connection:
        for _ in range(200):
            failures += connection.send(call).status == 503
            if failures == outlier.consecutive_gateway_errors:
                break
            assert not ejected(lab), f"left out after {failures} failures"
    # Envoy's main thread ejects, its workers serve on meanwhile
    eventually(lambda: ejected(lab) == {broken.ip}, within=2, what="the broken pod is left out")
    eventually(lambda: answers(lab, 60) == {200: 60}, within=5, what="no request meets the broken pod")


def test_the_broken_pod_is_left_out_and_comes_back(
    lab: RunningLab, three_pods: list[Pod], outlier: OutlierSpec
) -> None:
    check_ejected(lab, three_pods, outlier)
    since = time.monotonic()
    three_pods[0].answer(Answer.GIVEN)
    patience = outlier.base_ejection.total_seconds() + 2 * outlier.interval.total_seconds() + 5
    eventually(lambda: not ejected(lab), within=patience, what="the pod is back")
    assert time.monotonic() - since >= outlier.base_ejection.total_seconds() - 2
    assert answers(lab, 30) == {200: 30}


def test_never_are_all_left_out(lab: RunningLab, three_pods: list[Pod], outlier: OutlierSpec) -> None:
    for pod in three_pods:
        pod.answer(Answer.UNAVAILABLE)
    answers(lab, 100)
    out = ejected(lab)
    assert out
    assert len(out) <= max(1, REPLICAS * outlier.max_ejected_percent // 100), out
    for pod in three_pods:
        pod.answer(Answer.GIVEN)
    assert answers(lab, 20) == {200: 20}


def test_it_is_outlier_detection_that_leaves_it_out(
    lab: RunningLab, three_pods: list[Pod], outlier: OutlierSpec
) -> None:
    def take_out(rule: dict[str, Any]) -> None:
        del rule["spec"]["trafficPolicy"]["outlierDetection"]

    with lab.objects.edited("DestinationRule", lab.namespace, "chatgpt-mcp", take_out), fails():
        check_ejected(lab, three_pods, outlier)
