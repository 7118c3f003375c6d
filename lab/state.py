"""Where the lab keeps things, and the lock that lets only one ``up`` or ``down`` work on them at a time.

Everything of one cluster is below one state directory: ``LAB_STATE`` (default ``/var/lib/chatgpt-mesh-lab``).
Everything that can be made again and that another cluster can use (built tools, image layers) is below the cache:
``LAB_CACHE`` (default ``$XDG_CACHE_HOME/chatgpt-mesh-lab``).
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.failure import LabError

if TYPE_CHECKING:
    from collections.abc import Generator

DEFAULT_STATE = "/var/lib/chatgpt-mesh-lab"
CHECKOUT = Path(__file__).resolve().parent.parent

STATE_BYTES_NEEDED = 4 * 1024**3
"""A running cluster with its images and logs takes about 2 GiB."""


def cache_directory() -> Path:
    """``LAB_CACHE``, else ``chatgpt-mesh-lab`` below ``XDG_CACHE_HOME``, else below ``~/.cache``."""
    chosen = os.environ.get("LAB_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "chatgpt-mesh-lab"


@dataclass(frozen=True)
class State:
    """The state directory of one lab; every path of the lab is named here and nowhere else."""

    root: Path

    @classmethod
    def from_environment(cls) -> State:
        return cls(Path(os.environ.get("LAB_STATE") or DEFAULT_STATE).expanduser().absolute())

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def pki(self) -> Path:
        """The cluster's certificates (``pki/cluster``) and those of the edge (``pki/edge``)."""
        return self.root / "pki"

    @property
    def issuer(self) -> Path:
        """Keys and ``jwks.json`` of the lab's own token issuer."""
        return self.root / "issuer"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        """One JSON file per running process."""
        return self.root / "processes"

    @property
    def config(self) -> Path:
        """Configuration files that the lab writes for the cluster's processes."""
        return self.root / "config"

    @property
    def zone_file(self) -> Path:
        """The records of the lab's DNS zone."""
        return self.config / "example.com.zone"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def containerd(self) -> Path:
        return self.root / "containerd"

    @property
    def kubelet(self) -> Path:
        return self.root / "kubelet"

    @property
    def cni(self) -> Path:
        return self.root / "cni"

    @property
    def images(self) -> Path:
        """What has been imported into containerd, by content key."""
        return self.root / "images"

    @property
    def pulumi_backend(self) -> Path:
        return self.root / "pulumi" / "state"

    @property
    def first_deploy_begun(self) -> Path:
        """There from the beginning of a first deploy to its good end."""
        return self.root / "pulumi" / "first-deploy-begun"

    @property
    def pulumi_home(self) -> Path:
        return self.root / "pulumi" / "home"

    @property
    def bin(self) -> Path:
        """Commands that go on PATH: links to the tools and, where needed, the stand-in plugins."""
        return self.root / "bin"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def create(self) -> None:
        """Create the directory, for root only: it holds the cluster's keys.

        Raises:
            LabError: it cannot be created, or its file system has too little room.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
            for directory in (self.logs, self.processes, self.config, self.images, self.bin, self.pulumi_backend):
                directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(
                f"The state directory {self.root} cannot be used: {error.strerror}. "
                "Set LAB_STATE to a directory on a local disk that root may write to."
            ) from error
        require_disk_space(self.root, STATE_BYTES_NEEDED, "LAB_STATE")


def require_disk_space(directory: Path, needed: int, variable: str) -> None:
    """Raise a LabError unless the file system of ``directory`` has ``needed`` bytes free."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise LabError(
            f"{directory} has {free / 1024**3:.1f} GiB free and the lab needs {needed / 1024**3:.0f} GiB there. "
            f"Free some, or set {variable} to a directory on a larger disk."
        )


@contextlib.contextmanager
def exclusive(state: State, command: str) -> Generator[None]:
    """Hold the lab's lock while one command changes the cluster.

    The lock is the kernel's (flock), so that a killed command does not leave it behind; the file's text says who holds
    it.

    Raises:
        LabError: another command holds it; the sentence names its pid, since when, and what it does.
    """
    state.root.mkdir(parents=True, exist_ok=True)
    # append mode: opening must not wipe what the present holder wrote
    with state.lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(_held_sentence(state.lock)) from None
        file.truncate(0)
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "since": now, "command": command, "python": sys.executable}, file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _held_sentence(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        who = f"by process {holder['pid']} (`{holder['command']}`) since {holder['since']}"
    except (OSError, ValueError, KeyError):
        who = "by another process that has just started"
    return (
        f"The lab in {lock.parent} is held {who}. Wait until that command has ended, "
        "or set LAB_STATE to another directory after taking this lab down: one machine runs one lab."
    )
