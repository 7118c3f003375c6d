"""Processes are started once, recognised by more than their pid, and ended by pid."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.failure import LabError
from lab.processes import MARK, Process, Processes, Record, end, start_time
from lab.state import State

SLEEP = "/bin/sleep"


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


@pytest.fixture
def processes(state: State) -> Iterator[Processes]:
    started = Processes(state)
    yield started
    started.stop_all()


def pid_of(processes: Processes, name: str) -> int:
    record = processes.running(name)
    assert record is not None
    return record.pid


def test_a_running_process_is_not_started_again(processes: Processes) -> None:
    process = Process("sleeper", (SLEEP, "100"))
    assert processes.start(process) is True
    first = pid_of(processes, "sleeper")
    assert processes.start(process) is False
    assert pid_of(processes, "sleeper") == first


def test_another_command_line_restarts_it(processes: Processes) -> None:
    processes.start(Process("sleeper", (SLEEP, "100")))
    first = pid_of(processes, "sleeper")
    assert processes.start(Process("sleeper", (SLEEP, "200"))) is True
    assert start_time(first) is None


def test_a_changed_configuration_file_restarts_it(processes: Processes, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("one")
    process = Process("sleeper", (SLEEP, "100"), inputs=(config,))
    processes.start(process)
    assert processes.start(process) is False
    config.write_text("two")
    assert processes.start(process) is True


def test_a_killed_process_is_started_again(processes: Processes) -> None:
    process = Process("sleeper", (SLEEP, "100"))
    processes.start(process)
    os.kill(pid_of(processes, "sleeper"), 9)
    while processes.running("sleeper"):
        time.sleep(0.01)
    assert processes.ended() == ["sleeper"]
    assert processes.start(process) is True


def test_a_pid_that_the_kernel_gave_to_somebody_else_is_left_alone(processes: Processes, state: State) -> None:
    state.processes.mkdir(parents=True)
    somebody = subprocess.Popen([SLEEP, "100"])
    try:
        started = start_time(somebody.pid)
        assert started is not None
        record = Record("sleeper", somebody.pid, started, "")
        processes._write(replace(record, start_time=started - 1))  # a record from before the pid was reused
        assert processes.running("sleeper") is None
        processes.stop("sleeper")
        processes.stop_all()
        assert somebody.poll() is None
    finally:
        somebody.kill()
        somebody.wait()


def test_stop_forgets_the_process(processes: Processes, state: State) -> None:
    processes.start(Process("sleeper", (SLEEP, "100")))
    pid = pid_of(processes, "sleeper")
    processes.stop("sleeper")
    assert start_time(pid) is None
    assert processes.records() == []


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    stubborn = subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], stdout=-1)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    end([stubborn.pid], grace=0.2)
    assert start_time(stubborn.pid) is None


def test_a_process_without_a_record_is_found_by_its_mark(processes: Processes, state: State) -> None:
    lost = subprocess.Popen([SLEEP, "100"], env={MARK: f"{state.root}/kubelet"})
    other_lab = subprocess.Popen([SLEEP, "100"], env={MARK: "/somewhere/else/kubelet"})
    try:
        assert list(processes.strays()) == [(lost.pid, "kubelet")]
    finally:
        for child in (lost, other_lab):
            child.kill()
            child.wait()


def test_a_recorded_process_is_no_stray(processes: Processes) -> None:
    processes.start(Process("sleeper", (SLEEP, "100")))
    assert list(processes.strays()) == []


def test_a_process_that_ends_while_starting_shows_the_end_of_its_log(processes: Processes) -> None:
    failing = Process("etcd", ("/bin/sh", "-c", "sleep 0.2; echo address already in use; exit 1"))
    processes.start(failing)
    with pytest.raises(LabError, match=r"(?s)etcd ended while it was starting.*etcd\.log.*address already in use"):
        processes.wait_ready("etcd", lambda: False, timeout=5)


def test_a_process_that_does_not_get_ready_is_named(processes: Processes) -> None:
    processes.start(Process("sleeper", (SLEEP, "100")))
    with pytest.raises(LabError, match=r"sleeper was not ready after 0 s"):
        processes.wait_ready("sleeper", lambda: False, timeout=0)


def test_a_half_written_record_does_not_stop_the_lab(processes: Processes, state: State) -> None:
    state.processes.mkdir(parents=True)
    (state.processes / "etcd.json").write_text('{"name": "etcd", "pi')
    assert processes.records() == []
