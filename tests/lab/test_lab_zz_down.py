"""The last tests, because they end the lab: interrupted and killed runs, and what ``down`` leaves.

They look at the machine itself, not at what the lab thinks it has left.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import cgroups, leftovers
from lab.debian import command
from lab.network import BRIDGE
from lab.processes import Processes
from lab.state import CHECKOUT, State

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.skipif("LAB_KUBECONFIG" in os.environ, reason="the lab takes down only its own cluster")

LAB = [sys.executable, "-m", "lab"]


@pytest.fixture(scope="module")
def state() -> State:
    return State.from_environment()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAB, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=300)


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def output(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def traces(state: State) -> list[str]:
    """Everything of a lab that the machine shows."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                arguments = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(state.root) in arguments:
                found.append(f"process {entry.name}: {arguments[:120]}")
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    found += [f"mount: {line}" for line in mountinfo.splitlines() if str(state.root) in line]
    links = output(command("ip"), "-brief", "link")
    found += [f"interface: {line}" for line in links.splitlines() if BRIDGE in line or line.startswith("veth")]
    for family in ("iptables-save", "ip6tables-save"):
        rules = output(command(family)).splitlines()
        found += [f"{family}: {line}" for line in rules if "KUBE-" in line or "CNI-" in line]
    found += [f"cgroup: {path}" for path in Path("/sys/fs/cgroup").glob("**/chatgpt-mesh-lab")]
    found += [f"namespace: {path}" for path in Path("/run/netns").glob("cni-*")]
    return found


def test_an_interrupted_up_goes_on_when_it_is_called_again(state: State) -> None:
    assert run("down").returncode == 0
    # Where the tests run in the background a shell has told them to ignore Ctrl-C, and children inherit that.
    listening = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    first = subprocess.Popen(
        [*LAB, "up", "--cluster-only"], cwd=CHECKOUT, stderr=subprocess.PIPE, text=True, preexec_fn=listening
    )
    time.sleep(4)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130, said
    assert "`python -m lab up` goes on from here" in said

    again = run("up", "--cluster-only")

    assert again.returncode == 0, again.stderr


def test_up_works_after_everything_was_killed(state: State) -> None:
    processes = Processes(state)
    pids = [record.pid for record in processes.records()]
    pids += [*leftovers.shims(state), *cgroups.processes()]
    kill(pids)

    again = run("up", "--cluster-only")

    assert again.returncode == 0, again.stderr


def test_down_leaves_nothing_even_of_a_lab_that_was_killed(state: State) -> None:
    assert traces(state), "a running lab leaves traces, or this test looks at the wrong places"
    kill(record.pid for record in Processes(state).records())

    done = run("down")

    assert done.returncode == 0, done.stderr
    assert traces(state) == []
    assert not state.root.exists()


def test_down_again_is_no_error(state: State) -> None:
    done = run("down")
    assert done.returncode == 0
    assert "There is no lab" in done.stderr
