"""What is in the workloads' image: this interpreter, the MCP SDK with what it needs, and this directory's programs.

The image is put together from files of the machine that builds it, so it needs no registry and no base image.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from packaging.requirements import Requirement

NAME = "docker.io/chatgpt-mesh/workload:lab"
_PYTHON = "opt/python"
_SITE_PACKAGES = "opt/site-packages"
_PROGRAMS = "opt/programs"
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_LIBRARIES = f"{_PYTHON}/shared"

ENTRYPOINT = (f"/{_PYTHON}/bin/python3", "-m")
"""A container's arguments are a module and its arguments, such as `lab.workloads.mcp_server`."""

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "PATH": f"/{_PYTHON}/bin",
        "PYTHONHOME": f"/{_PYTHON}",
        "PYTHONPATH": f"/{_PROGRAMS}:/{_SITE_PACKAGES}",
        "PYTHONDONTWRITEBYTECODE": "1",  # the image brings compiled modules; containers need no writable file system
        "PYTHONUNBUFFERED": "1",
        "LD_LIBRARY_PATH": f"/{_LIBRARIES}",
    }
)

_LEFT_OUT_OF_THE_STANDARD_LIBRARY = frozenset(
    {"site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "lib2to3", "ensurepip", "turtledemo"}
)
_LEFT_OUT_SUFFIXES = frozenset({".a", ".o"})
_LIBRARY_LINE = re.compile(r"^\s*(?:(?P<name>\S+) => )?(?P<path>/\S+) \(0x", re.MULTILINE)


def files() -> dict[str, Path]:
    """Path in the image (without the leading slash) -> file on this machine.

    The files' times of change must be kept: Python takes a compiled module only if its source has the time it remembers.
    """
    contents = {**_standard_library(), **_distributions("mcp"), **_programs()}
    interpreter = Path(sys.executable).resolve()
    contents[f"{_PYTHON}/bin/python3"] = interpreter
    extensions = [path for path in contents.values() if ".so" in path.suffixes]
    contents.update(_shared_libraries([interpreter, *extensions]))
    return contents


def digest(contents: Mapping[str, Path]) -> str:
    """Changes whenever the image would: from each file's place, size and time of change, not its bytes.

    Compiled modules do not count: they follow from their sources, and some appear only when a module is first used.
    """
    summary = hashlib.sha256()
    for place, path in sorted(contents.items()):
        if path.suffix == ".pyc":
            continue
        status = path.stat()
        summary.update(f"{place} {status.st_size} {status.st_mtime_ns}\n".encode())
    return summary.hexdigest()[:16]


def _standard_library() -> dict[str, Path]:
    contents: dict[str, Path] = {}
    for key in ("stdlib", "platstdlib"):
        root = Path(sysconfig.get_path(key, vars={"base": sys.base_prefix, "platbase": sys.base_prefix}))
        for path in _files_below(root):
            contents[f"{_PYTHON}/lib/{_VERSION}/{path.relative_to(root)}"] = path
    return contents


def _files_below(root: Path) -> Iterable[Path]:
    for path in sorted(root.iterdir()):
        if path.name in _LEFT_OUT_OF_THE_STANDARD_LIBRARY or path.name.startswith(("config-", "_tkinter.")):
            continue
        if path.is_dir():
            yield from _files_below(path)
        elif path.suffix not in _LEFT_OUT_SUFFIXES:
            yield path


def _distributions(root: str) -> dict[str, Path]:
    contents: dict[str, Path] = {}
    for name in sorted(_closure(root)):
        for entry in importlib.metadata.files(name) or ():
            path = Path(str(entry.locate()))
            if ".." not in entry.parts and path.suffix not in _LEFT_OUT_SUFFIXES and path.is_file():
                contents[f"{_SITE_PACKAGES}/{entry}"] = path.resolve()
    return contents


def _closure(root: str) -> set[str]:
    found: set[str] = set()
    pending = [(root, "")]
    while pending:
        name, extra = pending.pop()
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker and not any(
                requirement.marker.evaluate({"extra": active}) for active in {"", extra}
            ):
                continue
            wanted = requirement.name.lower().replace("_", "-")
            if wanted not in found:
                found.add(wanted)
                pending += [(wanted, active) for active in requirement.extras or {""}]
    return found | {root}


def _programs() -> dict[str, Path]:
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent
    modules = [package.parent / "__init__.py", *package.glob("*.py")]
    return {f"{_PROGRAMS}/{path.relative_to(checkout)}": path for path in modules if path.is_file()}


@functools.cache
def _dependencies(binaries: tuple[Path, ...]) -> str:
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout


def _shared_libraries(binaries: Iterable[Path]) -> dict[str, Path]:
    contents: dict[str, Path] = {}
    for match in _LIBRARY_LINE.finditer(_dependencies(tuple(binaries))):
        path = Path(match["path"])
        if match["name"] is None:  # the loader, which the kernel looks for at its own path
            contents[str(path).lstrip("/")] = path.resolve()
        else:
            contents[f"{_LIBRARIES}/{match['name']}"] = path.resolve()
    return contents
