"""A person's machine: names resolve to the lab, its CA is trusted, and a browser consents at once."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.workloads.internet import SITES
from tests.lab.real_clients.installed import HERE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

_TIMEOUT_SECONDS = 90.0
# A mount namespace of its own, so that the file of this machine stays as it is.
_WITH_HOSTS = ("unshare", "--mount", "--propagation=private", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')


@dataclass(frozen=True, slots=True)
class Machine:
    """`home` is empty at first: nobody has logged in from here."""

    home: Path
    hosts: Path
    browser: Path
    ca_file: Path

    def command(self, command: Sequence[str]) -> list[str]:
        return [*_WITH_HOSTS, str(self.hosts), *command]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "BROWSER": str(self.browser),
            # The Inspector asks for a terminal, or for this word, before it opens a browser.
            "MCP_AUTO_OPEN_ENABLED": "true",
            "NODE_EXTRA_CA_CERTS": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
        }

    def run(self, command: Sequence[str], *, timeout: float = _TIMEOUT_SECONDS) -> str:
        """What the command prints; AssertionError, with all it said, if it fails or does not end."""
        try:
            done = subprocess.run(
                self.command(command),
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as stopped:
            said = (stopped.stderr or b"").decode(errors="replace")
            raise AssertionError(f"{command[-3:]} has not ended after {timeout:.0f} s: {said[-2000:]}") from stopped
        assert done.returncode == 0, f"{command[-3:]}: {done.returncode}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
        return done.stdout


def machine(lab: RunningLab, directory: Path, *, consents: bool = True) -> Machine:
    """A new machine. Where its person does not consent, the browser opens nothing."""
    home = directory / "home"
    home.mkdir()
    hosts = directory / "hosts"
    names = {"localhost": "127.0.0.1", lab.host: lab.public.address, SITES["issuer"].names[0]: SITES["issuer"].address}
    hosts.write_text("".join(f"{address} {name}\n" for name, address in names.items()), encoding="utf-8")
    browser = directory / "browser"
    # A browser is a program of its own: whoever opened it goes on.
    opened = f'{sys.executable} {HERE / "browser.py"} "$1" > "$HOME/browser.log" 2>&1 &' if consents else "exit 0"
    browser.write_text(f"#!/bin/sh\n{opened}\n", encoding="utf-8")
    browser.chmod(0o755)
    return Machine(home, hosts, browser, lab.ca_file)
