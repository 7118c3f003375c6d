"""One deploy with one of its processes killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from lab.stack import SKIP_CHECKPOINTS, STACK
from lab.state import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PATIENCE_SECONDS = 300.0
_POLL_SECONDS = 0.05


class Part(StrEnum):
    """Of a deploy in the lab, by what its command line has."""

    PROGRAM = "language_python/program.py"
    ENGINE = "pulumi"
    PLUGIN = "lab.plugins.kubernetes"


@dataclass(frozen=True, slots=True)
class Killed:
    """`left` are processes of the deploy that lived on after its command had ended."""

    code: int
    output: str
    in_time: bool
    left: tuple[str, ...] = ()


def deploy_killed(command: Sequence[str], stack_file: Path, part: Part, after: float) -> Killed:
    """Run a command of Pulumi's and kill a part of it after so many seconds, or as soon as that part is there."""
    arguments = ["pulumi", *command, "--stack", STACK, "--config-file", str(stack_file)]
    with subprocess.Popen(
        [*arguments, "--non-interactive", "--color=never"],
        cwd=CHECKOUT,
        env={**os.environ, SKIP_CHECKPOINTS: "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as engine:
        deadline = time.monotonic() + after
        while time.monotonic() < deadline and engine.poll() is None:
            time.sleep(_POLL_SECONDS)
        in_time = _kill(engine, part)
        # A part that lives on holds the pipe: its own words are read until it has ended.
        output = _output(engine)
    left = tuple(name for _, name in _of_session(engine.pid))
    end(engine.pid)
    return Killed(engine.returncode, output, in_time, left)


def _kill(engine: subprocess.Popen[str], part: Part) -> bool:
    while engine.poll() is None:
        pids = [engine.pid] if part is Part.ENGINE else [pid for pid, name in _of_session(engine.pid) if part in name]
        if pids:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _output(engine: subprocess.Popen[str]) -> str:
    try:
        return engine.communicate(timeout=_PATIENCE_SECONDS)[0]
    except subprocess.TimeoutExpired as stopped:
        end(engine.pid)
        said = stopped.output or b""
        raise AssertionError(f"hangs: {said.decode(errors='replace')[-2000:]}") from stopped


def _of_session(session: int) -> Iterator[tuple[int, str]]:
    """Processes that live, with their command lines."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, leader = (directory / "stat").read_text().rpartition(")")[2].split()[:4]
            name = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue
        if int(leader) == session and state != "Z":
            yield int(directory.name), name


def end(session: int) -> None:
    """Kill all of a deploy."""
    for pid, _ in _of_session(session):
        os.kill(pid, signal.SIGKILL)
