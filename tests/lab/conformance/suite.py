"""Runs of the suite, and what each said: a scenario's checks with their outcome."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lab.network import accepts
from tests.lab.real_clients.installed import node
from tests.lab.running_lab import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.real_clients.machine import Machine

SERVER = Path(__file__).with_name("server.py")
SCENARIOS = 32
_RUN = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z")
_START_SECONDS = 20.0

Said = dict[str, list[tuple[str, str]]]
"""Scenario -> (check, SUCCESS | FAILURE | WARNING | INFO) in the order of the suite."""


def suite(npm: Path, url: str, results: Path, *, preload: Sequence[str] = ()) -> list[str]:
    """The command that runs every scenario against a server and writes what it finds below `results`."""
    program = str(npm / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js")
    return [str(node(npm)), *preload, program, "server", "--url", url, "--suite", "all", "-o", str(results)]


def through_the_mesh(npm: Path, own: Machine, url: str, token: str) -> Said:
    """What the suite says of the server at the edge, each request with the token."""
    results = own.home / "results"
    command = suite(npm, url, results, preload=["--import", str(npm / "authorized.mjs")])
    # Its exit status says whether a check failed, and so do the results.
    subprocess.run(
        own.command(command),
        env={**own.environment, "URL": url, "TOKEN": token},
        cwd=own.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    return _read(results)


def direct(npm: Path) -> Said:
    """What the suite says of the same server without anything between."""
    with tempfile.TemporaryDirectory() as results, _served() as url:
        subprocess.run(suite(npm, url, Path(results)), capture_output=True, timeout=300, check=False)
        return _read(Path(results))


@contextlib.contextmanager
def _served() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "HOST": "127.0.0.1", "APP_PORT": str(port)}
    with subprocess.Popen([sys.executable, str(SERVER)], env=environment) as process:
        try:
            eventually(lambda: accepts("127.0.0.1", port), within=_START_SECONDS, what="the suite's server listens")
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def _read(results: Path) -> Said:
    found: Said = {}
    for directory in sorted(results.iterdir()):
        name = _RUN.fullmatch(directory.name)
        assert name, directory.name
        checks = json.loads((directory / "checks.json").read_text(encoding="utf-8"))
        # INFO is the log of what was sent and received, with ids and addresses.
        found[name["scenario"]] = [(one["id"], one["status"]) for one in checks if one["status"] != "INFO"]
    return found
