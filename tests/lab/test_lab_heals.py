"""A lab in which something has died or hangs: ``python -m lab up`` mends it, and pods that run stay as they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab import leftovers
from lab.cluster import PROCESS_NAMES
from lab.deploy import INTERNET, ISSUER
from lab.processes import Processes
from lab.state import CHECKOUT, exclusive

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab

pytestmark = [
    pytest.mark.skipif("LAB_KUBECONFIG" in os.environ, reason="only the lab's own cluster has these processes"),
    pytest.mark.timing("processes and pods must be ready again within limits of time"),
]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(
        command, cwd=CHECKOUT, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=300
    )


def status() -> dict[str, Any]:
    return json.loads(run("status", "--format", "json").stdout)


def wait_ready(seconds: float = 90) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while not (found := status())["ready"]:
        if time.monotonic() > deadline:
            not_ready = [
                one for one in (*found["processes"], *found["pods"]) if not one.get("ready", one.get("running"))
            ]
            pytest.fail(f"not ready after {seconds} s: {not_ready}")
        time.sleep(1)
    return found


def restarts(found: dict[str, Any]) -> dict[str, int]:
    """Restarts of the long-lived pods; a test's own pods come and go."""
    owned = ("istiod-", "istio-ingressgateway-", "istio-egressgateway-", "coredns-")
    return {pod["name"]: pod["restarts"] for pod in found["pods"] if pod["name"].startswith(owned)}


@pytest.mark.parametrize("name", PROCESS_NAMES)
def test_a_killed_process_is_started_again_and_the_pods_live_on(lab: RunningLab, name: str) -> None:
    before = wait_ready()
    record = Processes(lab.state).running(name)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)

    done = run("up", "--cluster-only")

    assert done.returncode == 0, done.stderr
    after = wait_ready()
    assert {pod: restarts(after).get(pod) for pod in restarts(before)} == restarts(before)
    (mended,) = (one for one in after["processes"] if one["name"] == name)
    assert mended["pid"] != record.pid


@pytest.mark.parametrize("name", [ISSUER, INTERNET])
def test_a_killed_host_outside_the_mesh_answers_again(lab: RunningLab, name: str) -> None:
    record = Processes(lab.state).running(name)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)

    done = run("up")

    assert done.returncode == 0, done.stderr
    assert Processes(lab.state).running(name) is not None


def test_a_container_runtime_that_hangs_is_started_anew(lab: RunningLab) -> None:
    record = Processes(lab.state).running("containerd")
    assert record is not None
    os.kill(record.pid, signal.SIGSTOP)

    done = run("up", "--cluster-only")

    assert done.returncode == 0, done.stderr
    wait_ready()


def test_status_names_what_does_not_run_and_the_way_back(lab: RunningLab) -> None:
    record = Processes(lab.state).running("kube-scheduler")
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    try:
        found = run("status")
        assert found.returncode == 1
        assert "Not running: kube-scheduler. `python -m lab up` starts them again." in found.stdout
    finally:
        assert run("up", "--cluster-only").returncode == 0


def test_pods_whose_shims_were_killed_come_back(lab: RunningLab) -> None:
    wait_ready()
    killed = list(leftovers.shims(lab.state))[:2]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)

    assert run("up", "--cluster-only").returncode == 0

    wait_ready()
    assert not set(killed) & set(leftovers.shims(lab.state))


def test_a_second_command_says_who_holds_the_lab(lab: RunningLab) -> None:
    with exclusive(lab.state, "python -m lab up"):
        done = run("up")
    assert done.returncode == 1
    assert f"is held by process {os.getpid()} (`python -m lab up`) since " in done.stderr


def test_a_second_lab_on_the_machine_says_who_has_the_ports(lab: RunningLab, tmp_path: Path) -> None:
    done = run("up", "--cluster-only", LAB_STATE=str(tmp_path / "second"))
    assert done.returncode == 1
    assert "16443 (for kube-apiserver) by kube-apiserver, pid " in done.stderr
    assert f"`LAB_STATE={lab.state.root} python -m lab down`" in done.stderr
    assert not list((tmp_path / "second" / "processes").glob("*.json"))
    assert run("down", LAB_STATE=str(tmp_path / "second")).returncode == 0
    assert status()["ready"], "the refused lab has disturbed the one that runs"


def test_logs_come_from_pods_by_the_beginning_of_their_name_and_from_processes(lab: RunningLab) -> None:
    assert "Envoy proxy is ready" in run("logs", "istio-ingressgateway", "--tail", "50000").stdout
    assert run("logs", "kubelet", "--tail", "5").stdout.count("\n") == 5
    unknown = run("logs", "no-such-pod")
    assert unknown.returncode == 2
    assert "No pod and no process is called no-such-pod. Pods: " in unknown.stderr
