"""A rollout, step by step, by the stack's own `up`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.running_lab import RunningLab


def steps(lab: RunningLab) -> list[dict[str, Any]]:
    """What each `up` changes about the app: three shares of the canary, then the old version's end."""
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    if rollout is None or rollout.canary is None:
        pytest.skip("this stack has no canary to roll out")
    moved = [{"rollout": {"canary": {"percent": percent}}} for percent in (5, 50, 100)]
    ended = {"rollout": {"stable": rollout.canary.version, "canary": None}, "versions": {rollout.stable: None}}
    return [*moved, ended]


def deploy(lab: RunningLab, app: dict[str, Any] | None, directory: Path) -> None:
    """`up` with these settings of the app over the stack's; None: as the stack is."""
    stack_file = lab.stack_with({"apps": {"chatgpt-mcp": app}}, directory) if app else None
    done = lab.pulumi("up", "--yes", "--skip-preview", stack_file=stack_file)
    assert done.returncode == 0, done.stdout
