"""The cluster's objects by kubectl."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
