"""Istio's Go modules: which version stands for a release, their source, and the lab's go.mod that requires them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lab.failure import LabError
from lab.toolchain import module_version

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "istio.io/istio"
API = "istio.io/api"


class GoError(LabError):
    """Go refused; the message is Go's own."""


def version_of(module: str, query: str) -> str:
    """The version that Go makes of a query: a version as it is, the name of another tag as a pseudo-version.

    Raises:
        GoError: The registry does not serve it.
    """
    with tempfile.TemporaryDirectory() as empty:
        return json.loads(_go(Path(empty), "list", "-m", "-json", f"{module}@{query}"))["Version"]


def source_of(module: str, version: str) -> Path:
    """The source of a module; Go downloads it on first use.

    Raises:
        GoError: The registry does not serve it.
    """
    # Beside the toolchain's module, where Go would ask for everything that the module requires as well.
    with tempfile.TemporaryDirectory() as empty:
        return Path(json.loads(_go(Path(empty), "mod", "download", "-json", f"{module}@{version}"))["Dir"])


def required_api(source: Path) -> str:
    """The version of istio.io/api that a source of Istio is written against."""
    return module_version((source / "go.mod").read_text(encoding="utf-8"), API)


def require(toolchain: Path, modules: Mapping[str, str]) -> None:
    """Write go.mod and go.sum of the lab's Istio for these versions; both stay as they are if Go refuses.

    All other versions are those that Istio's source requires, however go.mod was before: the same versions always
    make the same two files.

    Args:
        toolchain: The directory of go.mod and go.sum.
        modules: Versions by module.

    Raises:
        GoError: A version is not served, or another module requires a higher one.
    """
    before = (toolchain / "go.mod").read_text(encoding="utf-8")
    head = before[: found.start()] if (found := re.search(r"^require\b", before, re.MULTILINE)) else before
    tools = re.findall(r"^\s*(?:tool )?(istio\.io/istio/\S+)$", head, re.MULTILINE)
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        (directory / "go.mod").write_text(head, encoding="utf-8")
        _go(directory, "get", *(f"{module}@{version}" for module, version in modules.items()))
        _go(directory, "get", "-tool", *tools)
        written = {name: (directory / name).read_text(encoding="utf-8") for name in ("go.mod", "go.sum")}
    for module, version in modules.items():
        chosen = module_version(written["go.mod"], module)
        if chosen != version:
            raise GoError(f"{module} {version} cannot be had beside the others: they require {chosen}.")
    for name, text in written.items():
        (toolchain / name).write_text(text, encoding="utf-8")


def _go(directory: Path, *arguments: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    done = subprocess.run(
        ["go", *arguments],  # noqa: S607 - Go comes from PATH, as for istio_api's generator
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip() or json.loads(done.stdout).get("Error", "") or done.stdout.strip()
        raise GoError(said)
    return done.stdout
