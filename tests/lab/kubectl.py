"""The cluster's objects by kubectl."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

from tests.lab.running_lab import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

ISTIO_SYSTEM = "istio-system"


def kubectl(lab: RunningLab, *arguments: str, stdin: str | None = None) -> str:
    """What it prints; AssertionError with its own words if it fails."""
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={lab.kubeconfig}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def wait_rolled_out(lab: RunningLab, namespace: str, *workloads: str, seconds: int = 120) -> None:
    """Until the pods of each Deployment (`deployment/NAME`; `deployments`: all there) are the new ones, and ready."""
    for workload in workloads:
        kubectl(lab, "rollout", "status", workload, f"--namespace={namespace}", f"--timeout={seconds}s")


@contextlib.contextmanager
def scaled(lab: RunningLab, namespace: str, name: str, selector: str, *, to: int) -> Iterator[None]:
    """A Deployment with so many pods, which `selector` finds; as it was at the end."""
    deployment = (f"deployment/{name}", f"--namespace={namespace}")
    replicas = int(kubectl(lab, "get", *deployment, "--output=jsonpath={.spec.replicas}"))
    assert replicas != to
    kubectl(lab, "scale", *deployment, f"--replicas={to}")
    try:
        wait_rolled_out(lab, namespace, deployment[0])
        eventually(lambda: len(lab.pods(namespace, selector)) == to, within=60, what=f"{to} pods of {name} run")
        yield
    finally:
        kubectl(lab, "scale", *deployment, f"--replicas={replicas}")
        wait_rolled_out(lab, namespace, deployment[0])


@contextlib.contextmanager
def memory_limited(lab: RunningLab, namespace: str, name: str, *, to: str) -> Iterator[None]:
    """A Deployment whose first container may use so much memory, such as `8Gi`; as it was at the end."""
    deployment = (f"deployment/{name}", f"--namespace={namespace}")
    path = "{.spec.template.spec.containers[0].resources.limits.memory}"
    limit = kubectl(lab, "get", *deployment, f"--output=jsonpath={path}")

    def change(memory: str) -> None:
        kubectl(lab, "set", "resources", *deployment, f"--limits=memory={memory}")
        wait_rolled_out(lab, namespace, deployment[0])
        end_leaving_pods(lab, namespace)

    try:
        change(to)
        yield
    finally:
        change(limit)


def end_leaving_pods(lab: RunningLab, namespace: str) -> None:
    """Pods that drain are proxies of the mesh for as long as its longest call may last, and nobody calls them."""
    pods = json.loads(kubectl(lab, "get", "pods", f"--namespace={namespace}", "--output=json"))["items"]
    leaving = [one["metadata"]["name"] for one in pods if "deletionTimestamp" in one["metadata"]]
    if leaving:
        here = [f"--namespace={namespace}", "--ignore-not-found"]
        kubectl(lab, "delete", "pods", *leaving, *here, "--grace-period=1", "--wait=true")
