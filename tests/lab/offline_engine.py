"""Pulumi's real CLI and engine with the lab's stand-ins for its plugins, without a network and without a lab."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from lab import environment
from lab.screen import Screen
from lab.state import State
from lab.toolchain import Toolchain
from tests.lab.test_preview import ISOLATED

if TYPE_CHECKING:
    from collections.abc import Mapping

NOWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nowhere",
    "clusters": [{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:9"}}],
    "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
    "users": [{"name": "nobody", "user": {"token": "none"}}],
}


@dataclass(frozen=True)
class OfflineEngine:
    """A directory of projects, and the environment in which Pulumi runs them."""

    directory: Path
    variables: Mapping[str, str]

    def pulumi(self, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI without a network."""
        if shutil.which("unshare") is None or shutil.which("ip") is None:
            pytest.skip("util-linux and iproute2 are needed to take the network away")
        return subprocess.run(
            [*ISOLATED, "pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=project,
            env=dict(self.variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def previewed(self, project: Path, stack: str, *arguments: str) -> str:
        """What a preview prints, with its exit status in the last line."""
        selected = self.pulumi(project, "stack", "select", stack, "--create")
        assert selected.returncode == 0, selected.stderr
        done = self.pulumi(project, "preview", "--stack", stack, *arguments)
        return f"{done.stdout}\n{done.stderr}\nstatus {done.returncode}"


def prepared(directory: Path, *families: str) -> OfflineEngine:
    """An engine whose state is in `directory`, after building the tools that it needs."""
    toolchain = Toolchain()
    toolchain.ensure(("pulumi", "helm", *families), Screen())
    state = State(directory / "state")
    state.create()
    for path in (state.pulumi_backend, state.pulumi_home):
        path.mkdir(parents=True, exist_ok=True)
    environment.link_commands(state, toolchain)
    state.kubeconfig.write_text(yaml.safe_dump(NOWHERE), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "KUBE"))}
    own = environment.variables(state, toolchain)
    return OfflineEngine(directory, {**kept, **own, "KUBECONFIG": str(state.kubeconfig)})
