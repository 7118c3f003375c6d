"""The clients, installed from their lock files into the lab's cache: once for each content of the lock files."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.state import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}


def npm_clients() -> Path:
    """The directory of the clients from npm, with their `node_modules`."""
    return from_npm(HERE / "npm")


def from_npm(source: Path) -> Path:
    """A copy of a directory with a lock file, with its `node_modules`."""
    assert shutil.which("npm"), "packages from npm need npm on PATH; which Node it brings does not matter"

    def install(directory: Path) -> None:
        # Nothing of these packages has to run in order to be installed.
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=directory)

    return _installed(source, install)


def node(clients: Path) -> Path:
    """A Node that is new enough for all of them, whatever the machine has."""
    return clients / "node_modules" / f"node-linux-{_ARCHITECTURES[platform.machine()]}" / "bin" / "node"


def pypi_clients() -> Path:
    """The directory of the clients from PyPI, with their virtual environment `venv`."""

    def install(directory: Path) -> None:
        _run(sys.executable, "-m", "venv", "venv", cwd=directory)
        pip = [str(directory / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
        _run(*pip, "--disable-pip-version-check", "--requirement", "requirements.txt", cwd=directory)

    return _installed(HERE / "pypi", install)


def _installed(source: Path, install: Callable[[Path], None]) -> Path:
    """A copy of a directory, in which `install` has run."""
    files = sorted(path for path in source.iterdir() if path.is_file())
    digest = hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()
    directory = cache_directory() / "clients" / f"{source.name}-{digest[:16]}"
    finished = directory / "installed"
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Two runs of the tests may want them at the same time.
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            for path in files:
                shutil.copy(path, directory / path.name)
            install(directory)
            finished.touch()
    return directory


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}"
