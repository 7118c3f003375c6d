"""Processes of this checkout's own beside the cluster: what stands for hosts and services outside it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lab import debian
from lab.processes import Process
from lab.state import CHECKOUT, State, cache_directory

if TYPE_CHECKING:
    from pathlib import Path


def own_process(state: State, name: str, module: str, *arguments: str, inputs: tuple[Path, ...]) -> Process:
    """A module of this checkout with this interpreter, on one lab's state. A change of `inputs` starts it anew."""
    return Process(
        name,
        (sys.executable, "-m", module, *arguments),
        environment={
            "LAB_STATE": str(state.root),
            "LAB_CACHE": str(cache_directory()),
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "PATH": debian.SYSTEM_PATH,
        },
        inputs=inputs,
    )


def workload_sources() -> tuple[Path, ...]:
    """What the processes of `lab.workloads` are made of."""
    return tuple(sorted((CHECKOUT / "lab" / "workloads").glob("*.py")))
