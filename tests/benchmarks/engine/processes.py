"""What a command and all that it starts use of the machine, from /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 1024**2
_EVERY_SECONDS = 0.25
"""To look at every process of the lab costs a hundredth of a second, on the cores that are measured."""
_LAST_LINES = 20


@dataclass(slots=True)
class Usage:
    """Of one run. A part is named by the first of its names that stands in the command line of a process; what it
    starts is counted with it."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict[str, float])
    """Part -> CPU seconds, as last seen before each process ended: up to a quarter of a second less than there were."""
    mib: float = 0.0
    """The most that was resident at once, pages that two processes share counted twice."""


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    seconds: float
    mib: float
    command: str


def run(
    command: Sequence[str],
    parts: Mapping[str, Sequence[str]],
    *,
    cwd: Path,
    timeout: float,
    variables: Mapping[str, str] | None = None,
) -> tuple[Usage, str]:
    """Run a command to its end, and what it printed.

    Args:
        command: Words.
        parts: Part -> what stands in its command line, one of these; the command itself is the first.
        cwd: Where.
        timeout: Seconds, after which it is asked to end.
        variables: Of its environment, beside those of this process.

    Raises:
        AssertionError: it failed or took too long.
    """
    usage = Usage()
    cpu: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        started = time.monotonic()
        environment = {**os.environ, **(variables or {})}
        running = subprocess.Popen(list(command), cwd=cwd, stdout=output, stderr=subprocess.STDOUT, env=environment)
        while running.poll() is None:
            tree = list(_below(running.pid))
            usage.mib = max(usage.mib, sum(process.mib for process, _ in tree))
            cpu |= {(part_of(line, parts), process.pid): process.seconds for process, line in tree}
            if time.monotonic() - started > timeout:
                running.send_signal(signal.SIGINT)
                running.wait()
                raise AssertionError(f"{' '.join(command)} took more than {timeout:.0f} s")
            time.sleep(_EVERY_SECONDS)
        usage.seconds = time.monotonic() - started
        output.seek(0)
        text = output.read()
    if running.returncode != 0:
        wrong = [line for line in text.splitlines() if "error" in line][-_LAST_LINES:]
        raise AssertionError("\n".join((f"{' '.join(command)} ended with {running.returncode}:", *wrong, text[-1000:])))
    for (part, _), seconds in cpu.items():
        usage.cpu[part] = usage.cpu.get(part, 0.0) + seconds
    return usage, text


def part_of(line: Sequence[str], parts: Mapping[str, Sequence[str]]) -> str:
    """The part of the nearest process, from itself upwards, that has a name."""
    for command in line:
        for part, names in parts.items():
            if any(name in command for name in names):
                return part
    return next(iter(parts))


def _below(root: int) -> Iterator[tuple[_Process, list[str]]]:
    """Every process below and with `root`, and its command line, its parent's, and so on up to the root's."""
    found = {process.pid: process for process in _processes()}
    for process in found.values():
        line = [process.command]
        at = process
        while at.pid != root and at.parent in found:
            at = found[at.parent]
            line.append(at.command)
        if at.pid == root:
            yield process, line


def _processes() -> Iterator[_Process]:
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        # proc(5): the words after the name begin with field 3.
        parent, user, system, resident = int(words[1]), int(words[11]), int(words[12]), int(words[21])
        yield _Process(int(entry.name), parent, (user + system) / _TICKS, resident * _PAGE_MIB, command)
