"""What runs, compared with the stack: silence after an `up`, and sentences about what a hand has opened or shut."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from lab.state import CHECKOUT

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab

DIFFERS = 1


def diff(lab: RunningLab) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mesh", "diff", str(lab.stack_file), "--cluster", f"--kubeconfig={lab.kubeconfig}"]
    return subprocess.run(command, cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=False)


def test_nothing_differs_after_an_up(lab: RunningLab) -> None:
    done = diff(lab)
    assert done.returncode == 0, done.stdout + done.stderr


def test_who_has_been_let_in_by_hand_loses_access_by_the_next_up(lab: RunningLab) -> None:
    opened: dict[str, Any] = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "by-hand", "namespace": lab.namespace},
        "spec": {"action": "ALLOW", "rules": [{"from": [{"source": {"namespaces": ["other-team"]}}]}]},
    }
    with lab.objects.with_added(opened):
        done = diff(lab)
    assert done.returncode == DIFFERS, done.stdout + done.stderr
    assert any("loses" in line and "other-team" in line for line in done.stdout.splitlines()), done.stdout


def test_a_rule_that_is_gone_comes_back(lab: RunningLab) -> None:
    with lab.objects.without("AuthorizationPolicy", lab.namespace, "chatgpt-api-callers"):
        done = diff(lab)
    assert done.returncode == DIFFERS, done.stdout + done.stderr
    assert any("gains" in line and "chatgpt-api" in line for line in done.stdout.splitlines()), done.stdout
