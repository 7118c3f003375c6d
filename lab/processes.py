"""The lab's long-running processes: started once, found again by pid, ended by pid.

Each process has a record ``processes/NAME.json`` with its pid and the kernel's start time of that pid. A pid alone is
not
enough: after a crash the kernel may have given it to somebody else's process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.failure import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lab.state import State

MARK = "CHATGPT_MESH_LAB_PROCESS"
"""Environment variable of every process of the lab (``STATE/NAME``), by which one without a record is recognised."""

_POLL = 0.05


@dataclasses.dataclass(frozen=True)
class Process:
    """How one process is started.

    Attributes:
        name: Name of its record, log file and line in ``status``.
        argv: Absolute path of the program, then its arguments.
        environment: Variables beside PATH, HOME and the lab's mark.
        inputs: Files whose content the process reads once at its start; a change restarts it.
        grace: Seconds between SIGTERM and SIGKILL when it is stopped.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    inputs: Sequence[Path] = ()
    grace: float = 10.0

    def fingerprint(self) -> str:
        """Changes whenever a running instance would have to be restarted."""
        digest = hashlib.sha256(json.dumps([list(self.argv), dict(self.environment)], sort_keys=True).encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        program = Path(self.argv[0]).resolve().stat()
        digest.update(f"{program.st_ino} {program.st_mtime_ns}".encode())
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Record:
    """What is remembered of a started process."""

    name: str
    pid: int
    start_time: int
    fingerprint: str


def start_time(pid: int) -> int | None:
    """Kernel start time of a pid in clock ticks since boot; None when there is no such process or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # the second field is the command in parentheses and may itself contain spaces and parentheses
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def memory_bytes(pid: int) -> int:
    """Memory of a pid, shared pages counted by share (PSS): the sum over processes is what they take together.

    0 when the process is gone or belongs to somebody else.
    """
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _mark(pid: int) -> Path | None:
    """``STATE/NAME`` of a process that some lab has started, or one of its descendants."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    prefix = f"{MARK}=".encode()
    return next((Path(os.fsdecode(one[len(prefix) :])) for one in variables if one.startswith(prefix)), None)


def lab_of(pid: int) -> Path | None:
    """State directory of the lab that has started this process."""
    mark = _mark(pid)
    return mark.parent if mark else None


class Processes:
    """Starts, finds and ends the processes of one state directory."""

    def __init__(self, state: State) -> None:
        self._state = state

    def records(self) -> list[Record]:
        """All records, whether their processes still run or not."""
        found: list[Record] = []
        for path in sorted(self._state.processes.glob("*.json")):
            try:
                found.append(Record(**json.loads(path.read_text(encoding="utf-8"))))
            except (ValueError, TypeError):
                path.unlink()  # half-written when the machine went down; the sweep finds the process by its mark
        return found

    def running(self, name: str) -> Record | None:
        """The record of a process that runs now."""
        for record in self.records():
            if record.name == name and start_time(record.pid) == record.start_time:
                return record
        return None

    def ended(self) -> list[str]:
        """Names of processes that were started and run no more."""
        return [record.name for record in self.records() if start_time(record.pid) != record.start_time]

    def log(self, name: str) -> Path:
        return self._state.logs / f"{name}.log"

    def start(self, process: Process) -> bool:
        """Start a process unless the same one runs already; True when it was started.

        An instance with another command line, program or configuration is ended first.
        """
        fingerprint = process.fingerprint()
        present = self.running(process.name)
        if present and present.fingerprint == fingerprint:
            return False
        if present:
            self.stop(process.name, process.grace)
        self._state.processes.mkdir(parents=True, exist_ok=True)
        self._state.logs.mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": os.environ.get("HOME", "/root"),
            MARK: f"{self._state.root}/{process.name}",
            **process.environment,
        }
        with self.log(process.name).open("ab") as log:
            # a session of its own: Ctrl-C in the terminal must not reach the cluster
            child = subprocess.Popen(
                list(process.argv),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
            )
        started = start_time(child.pid)
        if started is None:
            raise LabError(f"{process.name} ended at once.\n{self.log_tail(process.name)}")
        self._write(Record(process.name, child.pid, started, fingerprint))
        return True

    def wait_ready(self, name: str, probe: Callable[[], bool], timeout: float) -> None:
        """Wait until ``probe`` says True.

        Raises:
            LabError: the process ended, or did not get ready within ``timeout`` seconds; with the end of its log.
        """
        deadline = time.monotonic() + timeout
        while not probe():
            if self.running(name) is None:
                raise LabError(f"{name} ended while it was starting.\n{self.log_tail(name)}")
            if time.monotonic() > deadline:
                raise LabError(f"{name} was not ready after {timeout:.0f} s.\n{self.log_tail(name)}")
            time.sleep(_POLL)

    def log_tail(self, name: str, lines: int = 12) -> str:
        """The end of a process's log, indented, with the path of the whole log."""
        path = self.log(name)
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - 16384))
                text = file.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            text = []
        return "\n".join([f"The end of {path}:", *(f"    {line[:400]}" for line in text)])

    def stop(self, name: str, grace: float = 10.0) -> None:
        """End a process by its pid and forget it; nothing happens when it does not run."""
        record = self.running(name)
        if record:
            end([record.pid], grace)
        (self._state.processes / f"{name}.json").unlink(missing_ok=True)

    def stop_all(self, order: Sequence[str] = (), grace: float = 3.0) -> None:
        """End every process with a record: first those named in ``order``, in that order, then the rest at once."""
        for name in order:
            self.stop(name, grace)
        rest = [record for record in self.records() if start_time(record.pid) == record.start_time]
        end([record.pid for record in rest], grace)
        for path in self._state.processes.glob("*.json"):
            path.unlink()

    def strays(self) -> Iterator[tuple[int, str]]:
        """Processes that carry this lab's mark but have no record: what an interrupted ``up`` may leave behind."""
        known = {record.pid for record in self.records() if start_time(record.pid) == record.start_time}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) not in known:
                mark = _mark(int(entry.name))
                if mark and mark.parent == self._state.root:
                    yield int(entry.name), mark.name

    def own_pids(self) -> set[int]:
        """Every process of this state directory, with a record or without."""
        recorded = {record.pid for record in self.records() if start_time(record.pid) == record.start_time}
        return recorded | {pid for pid, _ in self.strays()}

    def _write(self, record: Record) -> None:
        path = self._state.processes / f"{record.name}.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")
        temporary.replace(path)


def end(pids: Sequence[int], grace: float) -> None:
    """SIGTERM, then after ``grace`` seconds SIGKILL, for exactly these processes; returns when they are gone."""
    alive = {pid: started for pid in pids if (started := start_time(pid)) is not None}
    for signal_number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
        deadline = time.monotonic() + patience
        while alive and time.monotonic() < deadline:
            alive = {pid: started for pid, started in alive.items() if _still(pid, started)}
            if alive:
                time.sleep(_POLL)
        if not alive:
            return
    raise LabError(
        f"Processes {sorted(alive)} do not end, not even by SIGKILL; see /proc/PID/stack for what they wait for."
    )


def _still(pid: int, started: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # reap it when it was our own child, or it stays a zombie
    return start_time(pid) == started
