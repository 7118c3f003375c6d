"""The official conformance suite says of a stateful server behind a canary what it says of the server itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.conformance.suite import SCENARIOS, SERVER, Said, direct, through_the_mesh
from tests.lab.kubectl import kubectl, wait_rolled_out
from tests.lab.real_clients.installed import npm_clients
from tests.lab.real_clients.machine import machine
from tests.lab.running_lab import eventually, fails
from tests.lab.test_b47_sessions_over_a_rollout import without_session_routes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

DEPLOYMENTS = ("chatgpt-mcp-v1", "chatgpt-mcp-v2")
REPLICAS = 2
PLACE = "/conformance"
LOCAL = {"dns-rebinding-protection"}
"""The suite itself refuses to ask it of anything but a localhost URL; hosts and origins at the edge are B01 and B09."""


@pytest.fixture(scope="module")
def npm() -> Path:
    return npm_clients()


@pytest.fixture(scope="module")
def said_directly(npm: Path) -> Said:
    said = direct(npm)
    assert len(said) == SCENARIOS
    assert said.keys() >= LOCAL
    assert {outcome for checks in said.values() for _, outcome in checks} <= {"SUCCESS", "WARNING"}
    return said


@pytest.fixture(scope="module")
def served(lab: RunningLab) -> Iterator[None]:
    """Two pods of each version with the suite's server, half of the new sessions for each version."""
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    if rollout is None or rollout.canary is None:
        pytest.skip("this stack has no canary")
    halves = rollout.model_copy(update={"canary": rollout.canary.model_copy(update={"percent": 50})})
    sources = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "conformance", "namespace": lab.namespace},
        "data": {SERVER.name: SERVER.read_text(encoding="utf-8")},
    }
    with contextlib.ExitStack() as layers:
        layers.enter_context(lab.objects.with_added(sources))
        layers.callback(_wait_rolled_out, lab)
        for name in DEPLOYMENTS:
            layers.enter_context(lab.objects.edited("Deployment", lab.namespace, name, _serve))
        _wait_rolled_out(lab)
        # The suite is one subject that asks more than a person does.
        layers.enter_context(lab.declaring_app(rollout=halves, rate_limit=None))
        yield


def _serve(deployment: dict[str, Any]) -> None:
    spec = deployment["spec"]
    spec["replicas"] = REPLICAS
    pod = spec["template"]["spec"]
    pod["volumes"] = [*pod.get("volumes", ()), {"name": "conformance", "configMap": {"name": "conformance"}}]
    (app,) = (one for one in pod["containers"] if one["name"] == "app")
    app["args"] = [f"{PLACE}/{SERVER.name}"]
    app["volumeMounts"] = [*app.get("volumeMounts", ()), {"name": "conformance", "mountPath": PLACE}]


def _wait_rolled_out(lab: RunningLab) -> None:
    wait_rolled_out(lab, lab.namespace, *(f"deployment/{name}" for name in DEPLOYMENTS))
    # Pods that end still answer.
    wanted = sum(
        int(
            kubectl(
                lab, "get", "deployment", name, f"--namespace={lab.namespace}", "--output=jsonpath={.spec.replicas}"
            )
        )
        for name in DEPLOYMENTS
    )
    eventually(lambda: len(lab.mcp_pods()) == wanted, within=60, what=f"{wanted} pods and no other")


def answered(lab: RunningLab) -> dict[str, int]:
    """Requests that each pod of the app has got, by its own sidecar."""
    return {pod.name: sum(pod.host_statistic("inbound|", "rq_total").values()) for pod in lab.mcp_pods()}


def check_no_difference(lab: RunningLab, npm: Path, said_directly: Said, directory: Path) -> None:
    said = through_the_mesh(npm, machine(lab, directory), lab.mcp_url, lab.token(subject="conformance"))
    assert said.keys() == said_directly.keys()
    assert without_local(said) == without_local(said_directly)


def without_local(said: Said) -> Said:
    return {scenario: checks for scenario, checks in said.items() if scenario not in LOCAL}


def test_a_mesh_between_makes_no_difference(
    lab: RunningLab, npm: Path, served: None, said_directly: Said, tmp_path: Path
) -> None:
    before = answered(lab)
    check_no_difference(lab, npm, said_directly, tmp_path)
    share = {pod: count - before[pod] for pod, count in answered(lab).items()}
    assert len(share) == 2 * REPLICAS
    assert all(share.values()), share


def test_it_is_the_routes_of_sessions_that_make_none(
    lab: RunningLab, npm: Path, served: None, said_directly: Said, tmp_path: Path
) -> None:
    edited = lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", without_session_routes)
    with edited, fails():
        check_no_difference(lab, npm, said_directly, tmp_path)
