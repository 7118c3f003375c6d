"""Pulumi's command line on one stack: what a person would type for a step."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class EngineError(Exception):
    """Pulumi has ended with an error; its own words are on the screen."""


class Engine:
    """`stack` as `pulumi stack select` takes it; `file` its stack file."""

    def __init__(self, stack: str, file: Path, project: Path) -> None:
        self.file = file
        self._where = ["--stack", stack, "--config-file", str(file.resolve()), "--non-interactive"]
        self._project = project
        self._program = shutil.which("pulumi")
        self._running: subprocess.Popen[bytes] | None = None

    def is_as_declared(self) -> bool:
        """Whether `pulumi up` would change nothing; what it would change is shown.

        Raises:
            EngineError: there is no Pulumi.
        """
        return self._run(["preview", "--expect-no-changes", "--suppress-outputs"]) == 0

    def move(self, app: str, percent: int) -> None:
        """Write the share into the stack file, and deploy it.

        Raises:
            EngineError: the share is written, and not or not wholly deployed.
        """
        key = f"chatgpt-mesh:apps.{app}.rollout.canary.percent"
        for command in (
            ["config", "set", "--path", key, str(percent)],
            ["up", "--yes", "--skip-preview", "--suppress-outputs"],
        ):
            if (code := self._run(command)) != 0:
                raise EngineError(f"`pulumi {' '.join([*command, *self._where])}` ended with {code}")

    def interrupt(self) -> None:
        """Ask a command that runs to end in order."""
        if self._running is not None:
            self._running.send_signal(signal.SIGINT)

    def _run(self, command: Sequence[str]) -> int:
        if self._program is None:
            raise EngineError("pulumi is not on PATH")
        sys.stdout.flush()
        # A session of its own: Ctrl-C in the terminal must not end an `up` in the middle.
        self._running = subprocess.Popen(
            [self._program, *command, *self._where], cwd=self._project, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            return self._running.wait()
        finally:
            self._running = None
