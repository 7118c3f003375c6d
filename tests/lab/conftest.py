"""Tests on a running lab. `MESH` (default `staging`) says which environment's declaration runs there.

A lab that does not run is brought up first (`python -m lab up`); `LAB_KUBECONFIG` names another cluster instead.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import environment
from lab.stack import Stack
from lab.state import CHECKOUT, State
from lab.toolchain import Toolchain
from tests.lab.running_lab import RunningLab

MESH = os.environ.get("MESH", "staging")
_PATIENCE_SECONDS = 600.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
    # They end the lab, so that every other test of it comes before them.
    items.sort(key=lambda item: item.path.name.startswith("test_lab_zz_"))


@pytest.fixture(scope="session")
def lab() -> RunningLab:
    """The running lab, brought up if there is none."""
    from chatgpt_mesh.stack.settings import load_stack

    state, toolchain = State.from_environment(), Toolchain()
    os.environ.update(environment.variables(state, toolchain))
    kubeconfig = environment.kubeconfig(state)
    _wait_for_other_commands(state)
    if not _answers(kubeconfig):
        subprocess.run([sys.executable, "-m", "lab", "up", "--mesh", MESH], cwd=CHECKOUT, check=True)
    stack_file = Stack(state, toolchain, MESH).file
    return RunningLab(state, kubeconfig, stack_file, load_stack(stack_file))


def _wait_for_other_commands(state: State) -> None:
    """A lab that another command is bringing up or taking down is waited for."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with state.lock.open("a+") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return
        except BlockingIOError:
            time.sleep(1)
        else:
            return


def _answers(kubeconfig: Path) -> bool:
    if not kubeconfig.exists():
        return False
    from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError
    from chatgpt_mesh.control_plane.istiod import ControlPlane
    from chatgpt_mesh.control_plane.kubernetes_api import KubernetesApi

    try:
        return bool(ControlPlane(KubernetesApi(kubeconfig=str(kubeconfig))).acknowledgements())
    except ControlPlaneUnreachableError:
        return False
