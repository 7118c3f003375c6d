"""What runs, compared with the stack: sentences about whom a hand has let in or shut out, and none after an `up`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lab.state import CHECKOUT
from tests.lab.kubectl import kubectl
from tests.lab.test_drift import differing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

DIFFERS = 1


def diff(lab: RunningLab) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mesh", "diff", str(lab.stack_file), "--cluster", f"--kubeconfig={lab.kubeconfig}"]
    return subprocess.run(command, cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=False)


def test_nothing_has_changed_who_gets_in_after_an_up(lab: RunningLab) -> None:
    """What the lab lays over the stack stands there by name, and opens nothing."""
    done = diff(lab)
    assert not [line for line in done.stdout.splitlines() if "may now" in line or "no longer" in line], done.stdout


def test_who_was_let_in_by_hand_is_named(lab: RunningLab) -> None:
    opened: dict[str, Any] = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "by-hand", "namespace": lab.namespace},
        "spec": {"action": "ALLOW", "rules": [{}]},
    }
    with lab.objects.with_added(opened):
        done = diff(lab)
    assert done.returncode == DIFFERS, done.stdout + done.stderr
    assert "gateway public may now reach chatgpt-api" in done.stdout, done.stdout


@pytest.fixture
def opened(lab: RunningLab) -> Iterator[None]:
    """Rules in an object that states none. What it stated cannot be applied again: server-side apply would leave null
    where an empty mapping was."""
    place = ("patch", "authorizationpolicies.security.istio.io/allow-nothing", f"--namespace={lab.namespace}")
    kubectl(lab, *place, "--type=json", '--patch=[{"op": "add", "path": "/spec/rules", "value": [{}]}]')
    yield
    kubectl(lab, *place, "--type=json", '--patch=[{"op": "remove", "path": "/spec/rules"}]')


@pytest.mark.usefixtures("opened")
def test_rules_in_an_object_that_states_none_are_found_here_and_by_no_refresh(lab: RunningLab, tmp_path: Path) -> None:
    assert not differing(lab, tmp_path)
    assert "gateway public may now reach chatgpt-api" in diff(lab).stdout


def test_whom_a_rule_that_is_gone_had_let_in_is_named(lab: RunningLab) -> None:
    with lab.objects.without("AuthorizationPolicy", lab.namespace, "chatgpt-api-callers"):
        assert f"may no longer reach {lab.host}: GET/POST /api/v1/" in diff(lab).stdout


def test_a_field_that_the_stack_leaves_open_is_found_here_and_by_no_refresh(lab: RunningLab, tmp_path: Path) -> None:
    def end_calls(service: dict[str, Any]) -> None:
        next(one for one in service["spec"]["http"] if "route" in one)["timeout"] = "7s"

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", end_calls):
        assert not differing(lab, tmp_path)
        assert f"VirtualService/{lab.namespace}/chatgpt-mcp" in diff(lab).stdout
