"""The lab's control groups: all pods are below ``/chatgpt-mesh-lab`` of every hierarchy, in cgroups 1 and 2."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from lab.failure import LabError

ROOT = "/chatgpt-mesh-lab"
_MOUNT = Path("/sys/fs/cgroup")
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")


def roots(mount: Path = _MOUNT) -> list[Path]:
    """The lab's directory in every hierarchy of this machine, whether it exists or not."""
    if (mount / "cgroup.controllers").exists():
        return [mount / ROOT.lstrip("/")]
    hierarchies = {entry.resolve() for entry in mount.iterdir() if entry.is_dir() and (entry / "cgroup.procs").exists()}
    return [hierarchy / ROOT.lstrip("/") for hierarchy in sorted(hierarchies)]


def create() -> None:
    """Create the lab's root groups; the kubelet expects its cgroupRoot to exist.

    Raises:
        LabError: cgroups are not mounted or not writable.
    """
    try:
        if (_MOUNT / "cgroup.controllers").exists():
            available = (_MOUNT / "cgroup.controllers").read_text().split()
            enable = " ".join(f"+{name}" for name in _V2_CONTROLLERS if name in available)
            (_MOUNT / "cgroup.subtree_control").write_text(enable)
        for root in roots():
            root.mkdir(exist_ok=True)
            if root.parent.name == "cpuset" or (
                (root / "cpuset.cpus").exists() and not (root / "cgroup.controllers").exists()
            ):
                _inherit_cpuset(root)
    except OSError as error:
        raise LabError(
            f"Control groups cannot be created below {_MOUNT}: {error}. The lab needs cgroups mounted read-write; "
            "inside a container that means a privileged one."
        ) from error


def _inherit_cpuset(root: Path) -> None:
    """In version 1 a new cpuset has no CPUs and no memory nodes, and takes no process until it has."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not (root / name).read_text().strip():
            (root / name).write_text((root.parent / name).read_text())


def processes() -> set[int]:
    """All processes in the lab's groups."""
    found: set[int] = set()
    for root in roots():
        for file in root.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in file.read_text().split() if pid != "0")
    return found


def remove(patience: float = 5.0) -> None:
    """Remove the lab's groups, children first; they must be empty of processes.

    Raises:
        LabError: one is still in use after ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    while remaining := [root for root in roots() if root.exists()]:
        for root in remaining:
            for directory in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    directory.rmdir()
            with contextlib.suppress(OSError):
                root.rmdir()
        if time.monotonic() > deadline:
            raise LabError(
                f"Control groups remain in use: {', '.join(map(str, remaining))}; `cat {remaining[0]}/cgroup.procs` "
                "names the processes."
            )
        time.sleep(0.05)
