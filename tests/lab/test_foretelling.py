"""A preview says which edit cuts open streams, and which sessions end; an edit that does neither says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

LISTENER = "take this change as a new listener"
ENDED = "its open MCP sessions end with this change: 404, and clients begin anew"


def said(lab: RunningLab, app: dict[str, Any], directory: Path) -> str:
    done = lab.pulumi("preview", stack_file=lab.stack_with({"apps": {"chatgpt-mcp": app}}, directory))
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_a_denied_subject_drains_the_gateways(lab: RunningLab, tmp_path: Path) -> None:
    told = said(lab, {"auth": {"deny_subjects": ["somebody-else"]}}, tmp_path)
    assert "the proxies of istio-ingress with " in told
    assert LISTENER in told
    assert ENDED not in told


def test_a_version_without_a_share_ends_its_sessions(lab: RunningLab, tmp_path: Path) -> None:
    told = said(lab, {"rollout": {"canary": {"percent": 0, "pin": None}, "experiments": {}}}, tmp_path)
    canary = lab.stack.apps["chatgpt-mcp"].rollout
    assert canary is not None
    assert canary.canary is not None
    assert f"apps.chatgpt-mcp.versions.{canary.canary.version}: {ENDED}" in told


def test_a_step_of_a_rollout_does_neither(lab: RunningLab, tmp_path: Path) -> None:
    told = said(lab, {"rollout": {"canary": {"percent": 60}}}, tmp_path)
    assert LISTENER not in told
    assert ENDED not in told
