"""`python -m mesh rollout` as a process: what it types for Pulumi, what it says, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.unit.rollout.test_prometheus import Server, server, vector

__all__ = ["server"]

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
APP = "chatgpt-mcp"

PULUMI = """\
#!/bin/sh
# What was typed, one command a line; `up` takes as long as a test says, and notes when it has ended.
echo "$*" >> typed
case "$1" in
  preview) test ! -e waiting ;;
  config) echo "$5" > percent ;;
  up) test ! -e fails && sleep "$(cat up-seconds)" && echo "up has ended" >> typed ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with one stack and a Pulumi that notes what it is asked."""

    home: Path

    def start(self, prometheus: str, *more: str, app: str = APP) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "chatgpt_mesh.mesh", "rollout", "one", app, "--prometheus", prometheus, *more]
        environment = {**os.environ, "PATH": f"{self.home}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            command,
            cwd=self.home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, prometheus: str, *more: str, app: str = APP) -> tuple[int, str]:
        process = self.start(prometheus, *more, app=app)
        printed, _ = process.communicate(timeout=60)
        return process.returncode, printed

    @property
    def typed(self) -> list[str]:
        path = self.home / "typed"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    declared = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text(encoding="utf-8"))
    declared["config"]["chatgpt-mesh:extends"] = [str(ROOT / "config" / "every-stack.yaml")]
    errors = {"query": "sum(errors)", "at_most": 3}
    steps = {"percents": [5, 50, 100], "pause": "10s", "compare": False, "guards": {"errors": errors}}
    declared["config"]["chatgpt-mesh:apps"][APP]["rollout"]["canary"] |= {"percent": 0, "steps": steps}
    (tmp_path / "Pulumi.one.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    (tmp_path / "Pulumi.yaml").write_text("name: chatgpt-mesh\nruntime: python\n", encoding="utf-8")
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(PULUMI, encoding="utf-8")
    pulumi.chmod(0o700)
    (tmp_path / "up-seconds").write_text("0", encoding="utf-8")
    return Project(tmp_path)


def test_a_bad_canary_is_moved_back_by_commands_that_a_person_would_type(project: Project, server: Server) -> None:
    server.gives("vector", vector("1000"))
    code, printed = project.run(server.url)
    assert code == 1, printed
    told = "v2 of chatgpt-mcp was taken back from 5 % to 0 %: errors is 1000 and may be at most 3."
    assert f"{told} Pulumi.one.yaml says so; commit it." in printed
    where = f"--stack one --config-file {project.home / 'Pulumi.one.yaml'} --non-interactive"
    key = f"chatgpt-mesh:apps.{APP}.rollout.canary.percent"
    up = f"up --yes --skip-preview --suppress-outputs {where}"
    assert project.typed == [
        f"preview --expect-no-changes --suppress-outputs {where}",
        f"config set --path {key} 5 {where}",
        up,
        "up has ended",
        f"config set --path {key} 0 {where}",
        up,
        "up has ended",
    ]


def test_an_interrupt_lets_an_up_that_runs_come_to_its_end(project: Project, server: Server) -> None:
    server.gives("vector", vector("0"))
    (project.home / "up-seconds").write_text("3", encoding="utf-8")
    process = project.start(server.url)
    deadline = time.monotonic() + 30
    while not any(line.startswith("up ") for line in project.typed):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 2, printed
    assert "Interrupted at 5 %" in printed
    assert "goes on from there" in printed
    assert project.typed[-1] == "up has ended"


def test_nothing_is_moved_where_something_else_waits(project: Project, server: Server) -> None:
    server.gives("vector", vector("0"))
    (project.home / "waiting").touch()
    code, printed = project.run(server.url)
    assert (code, len(project.typed)) == (2, 1)
    assert "run `pulumi up`, then this again" in printed


def test_an_up_that_fails_ends_it_and_says_which(project: Project, server: Server) -> None:
    server.gives("vector", vector("0"))
    (project.home / "fails").touch()
    code, printed = project.run(server.url)
    assert code == 2
    assert "`pulumi up --yes" in printed
    assert "mend the cause" in printed


@pytest.mark.parametrize(
    ("app", "url", "told"),
    [
        ("nobody", "http://localhost:1", "nobody: no such app; this stack declares: "),
        ("chatgpt-api", "http://localhost:1", "apps.chatgpt-api.rollout.canary.steps: is missing; declare the way"),
        (APP, "localhost:1", "localhost:1: is not the URL of a Prometheus"),
        (APP, "http://127.0.0.1:9", "Prometheus is away"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_moved(project: Project, app: str, url: str, told: str) -> None:
    code, printed = project.run(url, app=app)
    assert code == 2
    assert told in printed
    assert not [line for line in project.typed if not line.startswith("preview")]
