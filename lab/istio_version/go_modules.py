"""Istio's Go modules: which version stands for a release, their source, and the lab's go.mod that requires them."""

from __future__ import annotations

import json
import os
import re
import shutil
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
NAMED = (API, SOURCE)
"""What programs, charts, types and tables are made from."""

_UNSERVED = re.compile(r"(\S+@\S+): (?:invalid version: )?reading https?://\S+: \d+ ")


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
    """Write go.mod and go.sum of a module of the lab's for these versions; both stay as they are if Go refuses.

    All other versions are those that Istio's source requires, however go.mod was before: the same versions always
    make the same two files.

    Args:
        toolchain: The directory of go.mod and go.sum.
        modules: Versions by module: those of NAMED are required, any other replaces what the source requires.

    Raises:
        GoError: A version is not served, or another module requires a higher one of NAMED.
    """
    before = (toolchain / "go.mod").read_text(encoding="utf-8")
    head = before[: found.start()] if (found := re.search(r"^require\b", before, re.MULTILINE)) else before
    tools = re.findall(r"^\s*(?:tool )?(istio\.io/istio/\S+)$", head, re.MULTILINE)
    replaced = "".join(f"replace {m} => {m} {version}\n" for m, version in sorted(modules.items()) if m not in NAMED)
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        (directory / "go.mod").write_text(head + replaced, encoding="utf-8")
        _go(directory, "get", *(f"{module}@{modules[module]}" for module in NAMED))
        if tools:
            # With the version: without one, Go takes the newest.
            _go(directory, "get", "-tool", *(f"{tool}@{modules[SOURCE]}" for tool in tools))
        if any(toolchain.rglob("*.go")):
            # Programs of the lab's own require what they import, and nothing else.
            shutil.copytree(toolchain, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("go.mod", "go.sum"))
            _go(directory, "mod", "tidy")
        written = {name: (directory / name).read_text(encoding="utf-8") for name in ("go.mod", "go.sum")}
    for module in NAMED:
        chosen = module_version(written["go.mod"], module)
        if chosen != modules[module]:
            raise GoError(f"{module} {modules[module]} cannot be had beside the others, which require {chosen}.")
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
        raise GoError(_gist(said))
    return done.stdout


def _gist(said: str) -> str:
    """Go names a module that it cannot have once for each package of it; this names it once."""
    unserved = dict.fromkeys(match[1] for match in _UNSERVED.finditer(said))
    if unserved:
        return (
            "No registry that GOPROXY names serves "
            + ", ".join(unserved)
            + ". Where a served version will do, name it "
            'with WITH="MODULE@VERSION ...".'
        )
    return "\n".join(line for line in said.splitlines() if not line.startswith("go: downloading "))
