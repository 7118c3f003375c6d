"""The running lab for tests, brought up if there is none."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError
from chatgpt_mesh.control_plane.istiod import ControlPlane
from chatgpt_mesh.control_plane.kubernetes_api import KubernetesApi
from chatgpt_mesh.stack.settings import load_stack
from lab import environment
from lab.stack import SKIP_CHECKPOINTS, Stack
from lab.state import CHECKOUT, State
from lab.toolchain import Toolchain
from tests.lab.running_lab import RunningLab

if TYPE_CHECKING:
    from pathlib import Path

MESH = os.environ.get("MESH", "staging")
"""Which environment's declaration runs in the lab."""

_PATIENCE_SECONDS = 600.0


def running_lab(mesh: str = MESH) -> RunningLab:
    state, toolchain = State.from_environment(), Toolchain()
    os.environ.update(environment.variables(state, toolchain))
    # The engine writes its whole state, megabytes, before and after each object: half the time of an `up`. Whatever is
    # not killed writes it at its end, and what is (`tests.lab.killed_deploys`) goes without this.
    os.environ[SKIP_CHECKPOINTS] = "true"
    kubeconfig = environment.kubeconfig(state)
    _wait_for_other_commands(state)
    if not _answers(kubeconfig):
        bring_up(mesh)
    stack_file = Stack(state, toolchain, mesh).file
    return RunningLab(state, kubeconfig, stack_file, load_stack(stack_file))


def bring_up(mesh: str) -> None:
    """The lab with another environment's declaration on it."""
    subprocess.run([sys.executable, "-m", "lab", "up", "--mesh", mesh], cwd=CHECKOUT, check=True)


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
    try:
        return bool(ControlPlane(KubernetesApi(kubeconfig=str(kubeconfig))).acknowledgements())
    except ControlPlaneUnreachableError:
        return False
