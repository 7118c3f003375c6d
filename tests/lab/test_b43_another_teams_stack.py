"""B43: another team's stack reads the mesh's outputs by StackReference and attaches a service and a route."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatgpt_mesh.stack.settings import Settings
from lab.images import WORKLOAD_IMAGE
from lab.state import CHECKOUT
from lab.workloads.request import Request
from tests.lab.edge_certificates import certified
from tests.lab.running_lab import RunningLab, eventually

EXAMPLE = CHECKOUT / "examples" / "consumer"
HOST = "reports.example.com"
STACK = "b43"


@pytest.fixture
def consumer(lab: RunningLab, tmp_path: Path) -> Iterator[None]:
    """The example as it is in the documentation, with the configuration of this lab."""
    project = tmp_path / "checkout" / "examples" / "consumer"
    shutil.copytree(EXAMPLE, project)
    (tmp_path / "checkout" / ".venv").symlink_to(CHECKOUT / ".venv")
    (tmp_path / "checkout" / "docs").symlink_to(CHECKOUT / "docs")

    def pulumi(*arguments: str) -> None:
        verb, *rest = arguments
        command = ["pulumi", verb, "--non-interactive", "--color=never", "--stack", STACK, *rest]
        done = subprocess.run(
            command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout

    subprocess.run(["pulumi", "stack", "init", STACK, "--non-interactive"], cwd=project, check=True)
    try:
        for name, value in (
            ("mesh", "organization/chatgpt-mesh/lab"),
            ("host", HOST),
            ("image", WORKLOAD_IMAGE),
            ("kubeconfig", os.environ["KUBECONFIG"]),
        ):
            pulumi("config", "set", name, value)
        pulumi("config", "set", "--path", "args[0]", "--", "-m")
        pulumi("config", "set", "--path", "args[1]", "lab.workloads.mcp_server")
        pulumi("up", "--yes", "--skip-preview")
        yield
        pulumi("preview", "--expect-no-changes")
    finally:
        pulumi("destroy", "--yes", "--skip-preview")
        pulumi("stack", "rm", "--yes")


def _shared(stack: Settings) -> Settings:
    """The stack, with its public gateway open to the other team's namespace."""
    public = stack.gateways["public"]
    web = public.listeners["web"].model_copy(update={"shared_with": ("reports",)})
    gateways = {**stack.gateways, "public": public.model_copy(update={"listeners": {**public.listeners, "web": web}})}
    return stack.model_copy(update={"gateways": gateways})


def _status(lab: RunningLab, path: str) -> int:
    return lab.public.send(f"https://{HOST}{path}").status


def test_its_route_is_served_and_its_pods_take_the_gateway_alone(lab: RunningLab, consumer: None) -> None:
    assert _status(lab, "/health") == 0, "a namespace that the listener is not shared with attaches nothing"
    with lab.declaring(_shared(lab.stack)), certified(lab):
        eventually(lambda: _status(lab, "/health") == 200, within=30, what="the route is served")
        assert _status(lab, "/mcp") == 404, "only the declared path is routed"
        inside = Request(url="http://reports.reports.svc.cluster.local:8080/health")
        (reply,) = lab.pod("other-team", "reporting").send(inside)
        assert reply.status == 403, f"its policy lets the gateway in, and nobody else: {reply}"
        assert lab.public.send(f"https://{lab.host}/health").status == 200, "the mesh's own routes are as they were"
