"""Another version of Istio everywhere: what a program can do of it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.failure import LabError
from lab.istio_version import go_modules, remaining, stack_text, surface
from lab.istio_version.go_modules import API, SOURCE, GoError
from lab.istio_version.places import PIN_FILE, ROOT, TOOLCHAINS, Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.screen import Screen

_RELEASE = r'(?m)^RELEASE: Final = "(.*)"$'


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change has come to.

    Attributes:
        failures: The steps that did not work, each with the end of what it said.
        todo: What is left to a person.
    """

    failures: list[str]
    todo: list[str]


def pin_of(
    release: str, source: str | None, api: str | None, others: Mapping[str, str], *, other_minor: bool = False
) -> Pin:
    """Which modules stand for a release.

    Args:
        release: MAJOR.MINOR.PATCH.
        source: Version of istio.io/istio; None asks Go for the tag of the release.
        api: Version of istio.io/api; None is the tag of the release.
        others: Versions of further modules, where the one that the source requires is not served.
        other_minor: Whether the source may be of another minor than the release.

    Raises:
        LabError: A version is not served, or the source is of another minor.
    """
    source = _source_version(source or release)
    directory = go_modules.source_of(SOURCE, source)
    wanted = api or f"v{release}"
    try:
        found = go_modules.version_of(API, wanted)
    except GoError as failure:
        raise LabError(
            f"{API} {wanted} is not served. Name another with API=...; {SOURCE} {source} is written "
            f"against API={go_modules.required_api(directory)}. Go said: {failure}"
        ) from failure
    pin = Pin(release, {API: found, SOURCE: source, **others})
    said = (directory / "VERSION").read_text(encoding="utf-8").strip()
    if said != f"1.{pin.minor}" and not other_minor:
        raise LabError(
            f"{SOURCE} {source} calls itself {said}, so the lab would prove another Istio than {release}. Name a "
            f"source of 1.{pin.minor} with SOURCE=..., or look at the API alone with --other-minor "
            "(docs/istio-version.md)."
        )
    return pin


def change(pin: Pin, screen: Screen, root: Path = ROOT) -> Outcome:
    """Write the pin into everything that a program can write, and list the rest.

    The list is that of the change since the last commit, so that running this again, after a row is there or a type is
    given, tells as much as the first time.

    Raises:
        LabError: Go refuses the modules, or this is no Git checkout; nothing has been written then.
    """
    old_release, before = committed(root)
    for directory in TOOLCHAINS:
        with screen.step(f"{directory}/go.mod: {', '.join(f'{m} {v}' for m, v in sorted(pin.modules.items()))}"):
            go_modules.require(root / directory, pin.modules)
    write_pin(root / PIN_FILE, pin)
    for file in write_stacks(root, pin):
        screen.line(f"wrote {file.relative_to(root)}")
    failures: list[str] = []
    for command in _generators():
        try:
            with screen.step(" ".join(command)):
                _run(command, root)
        except LabError as failure:
            failures.append(str(failure))
    was_generated = not any("istio_api.generate" in failure for failure in failures)
    changes = surface.differences(before, surface.surface(root / "istio_api")) if was_generated else None
    source = go_modules.source_of(SOURCE, pin.modules[SOURCE])
    return Outcome(failures, list(remaining.remaining(root, old_release, pin, source, changes)))


def committed(root: Path) -> tuple[str, set[str]]:
    """The release that the last commit names, and what its `istio_api` offers.

    Raises:
        LabError: The directory is no Git checkout.
    """
    command = ["git", "archive", "HEAD", "istio_api"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(command)}` failed in {root}: {done.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(scratch, filter="data")
        package = Path(scratch) / "istio_api"
        found = re.search(_RELEASE, (package / "version.py").read_text(encoding="utf-8"))
        if found is None:
            raise LabError(f"{PIN_FILE} of the last commit has no line like {_RELEASE}.")
        return found[1], surface.surface(package)


def write_pin(file: Path, pin: Pin) -> None:
    """The release and the modules in `istio_api/version.py`.

    Raises:
        LabError: The file does not have each of them once.
    """
    text = file.read_text(encoding="utf-8")
    modules = "".join(f'    "{module}": "{version}",\n' for module, version in sorted(pin.modules.items()))
    for pattern, value in (
        (_RELEASE, pin.release),
        (r"(?ms)^MODULES: Final\[Mapping\[str, str\]\] = \{\n(.*?)^\}$", modules),
    ):
        found = list(re.finditer(pattern, text))
        if len(found) != 1:
            raise LabError(f"{file} should have one line like {pattern}, and has {len(found)}.")
        text = text[: found[0].start(1)] + value + text[found[0].end(1) :]
    file.write_text(text, encoding="utf-8")


def write_stacks(root: Path, pin: Pin) -> Iterator[Path]:
    """The release in stack files and in those that pages show; each file that changed."""
    readers = [(file, stack_text.releases_in_stack) for file in stack_text.stack_files(root)]
    readers += [(file, stack_text.releases_in_page) for file in stack_text.page_files(root)]
    for file, releases in readers:
        text = file.read_text(encoding="utf-8")
        changed = stack_text.with_release(text, releases(text), pin.release)
        if changed != text:
            file.write_text(changed, encoding="utf-8")
            yield file


def _source_version(query: str) -> str:
    try:
        return go_modules.version_of(SOURCE, query)
    except GoError as failure:
        raise LabError(
            f"{SOURCE}@{query} is not served. Istio's tags lack the v that Go asks for, so that Go has only a "
            "pseudo-version for each commit, and not every registry makes one on demand. Name one that is served with "
            f"SOURCE=v0.0.0-DATE-COMMIT: docs/istio-version.md says how to find it. Go said: {failure}"
        ) from failure


def _generators() -> Iterator[list[str]]:
    yield [sys.executable, "-m", "istio_api.generate"]
    # This environment is installed, or nothing would run here: make need not look whether it is current.
    yield from (
        ["make", "--silent", "--old-file=.venv/installed", target] for target in ("golden", "inventory", "reference")
    )


def _run(command: list[str], root: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).strip().splitlines()[-8:])
        raise LabError(f"`{' '.join(command)}` failed:\n{tail}")
