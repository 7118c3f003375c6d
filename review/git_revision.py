"""The files of a project at a revision of git, so that a stack can be read as it was."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tarfile
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class NoRevisionError(Exception):
    """git does not know the revision, or does not run; the message is a sentence."""


@contextlib.contextmanager
def checked_out(project: Path, revision: str) -> Generator[date]:
    """Puts the project as it was where the working directory is, and says the day of the commit.

    Paths in stack files are relative to the working directory, which is the old project as long as this lasts.

    Raises:
        NoRevisionError: with git's own reason.
    """
    # The end of options: a revision that begins with `-` is none of git's options.
    try:
        named = _git(project, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except NoRevisionError as error:
        raise NoRevisionError(f"git finds no commit {revision!r} ({error}); a shallow clone has few") from None
    commit = named.decode().split()[-1]
    day = _git(project, "show", "--no-patch", "--format=%cs", commit)
    archive = _git(project, "archive", "--format=tar", commit)
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="mesh-revision-") as directory:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(directory, filter=_regular_files)  # noqa: S202 - each member passes the filter
        os.chdir(directory)
        try:
            yield date.fromisoformat(day.decode().strip())
        finally:
            os.chdir(before)


def _git(project: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, check=False)  # noqa: S607
    except OSError as error:
        raise NoRevisionError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoRevisionError(said[-1].removeprefix("fatal: ") if said else "git failed without a reason")
    return done.stdout


def _regular_files(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    """Directories and files; a link could lead out of the directory, and no stack file is read through one."""
    return tarfile.data_filter(member, path) if member.isfile() or member.isdir() else None
