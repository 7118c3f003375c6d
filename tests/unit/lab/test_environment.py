"""The lab's own Pulumi home."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import environment
from lab.preview import GOOGLE_CLOUD
from lab.state import State
from lab.toolchain import Toolchain

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """Of a user who has Pulumi's own plugin for Google Cloud."""
    plugin = tmp_path / "home" / ".pulumi" / "plugins" / "resource-gcp-v10.2.0" / "pulumi-resource-gcp"
    plugin.parent.mkdir(parents=True)
    plugin.touch(mode=0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_STATE", str(tmp_path / "state"))
    return State.from_environment()


def test_an_installed_plugin_is_used(state: State) -> None:
    environment.link_commands(state, Toolchain())
    assert not (state.bin / "pulumi-resource-gcp").exists()
    assert (state.bin / "pulumi-resource-kubernetes").is_symlink()


def test_the_offline_plan_takes_the_stand_in_all_the_same(state: State) -> None:
    environment.link_commands(state, Toolchain(), always=(GOOGLE_CLOUD,))
    assert (state.bin / "pulumi-resource-gcp").resolve() == environment.STANDINS / "pulumi-resource-gcp"


def test_a_plugin_that_is_installed_later_is_used_by_the_next_shell(state: State) -> None:
    environment.link_commands(state, Toolchain(), always=(GOOGLE_CLOUD,))
    environment.use_installed_plugins(state)
    assert not (state.bin / "pulumi-resource-gcp").exists()
    assert (state.bin / "pulumi-resource-kubernetes").is_symlink()


def test_the_engine_keeps_no_log_of_every_property(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    state = State.from_environment()
    environment.link_commands(state, Toolchain())
    assert (state.pulumi_home / "logs").is_file()
