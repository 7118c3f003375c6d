"""The lab's own Pulumi home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import environment
from lab.state import State
from lab.toolchain import Toolchain

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_engine_keeps_no_log_of_every_property(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    state = State.from_environment()
    environment.link_commands(state, Toolchain())
    assert (state.pulumi_home / "logs").is_file()
