"""The YAML of Istio's module: its samples, and the data of its tests."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from meshlint.environment import Environment
from meshlint.lint import Linted, judge
from meshlint.load import Loaded, load_bytes
from tests.repository import ROOT

TODAY = date(2026, 12, 1)

TREES = ("samples", "tests/integration", "pkg/test/datasets")
"""Beside every directory named `testdata`."""

CASES = ("pkg/config/validation/testdata", "pkg/test/datasets", "operator/pkg/util/testdata")
"""Trees whose files are lists of single cases, which nobody would apply together."""


@cache
def istio() -> Path:
    """The source of the pinned module."""
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "istio.io/istio"]
    found = subprocess.run(
        command, cwd=ROOT / "lab" / "toolchain" / "istio", check=True, capture_output=True, text=True
    )
    return Path(found.stdout.strip())


@dataclass(frozen=True)
class Piece:
    """What somebody would lint in one call: a file, or one document of a file of cases."""

    file: str
    """Its path in the module."""
    number: int
    """Of the document; 0 for a whole file."""
    text: bytes

    @property
    def held_out(self) -> bool:
        """Whether the file is of the half that no rule was looked at by: every other one, by its path's hash."""
        return hashlib.sha256(self.file.encode()).digest()[0] % 2 == 1

    def linted(self) -> Linted:
        """Its findings in the default profile, read as a file of a directory that was named."""
        loaded = Loaded()
        load_bytes(self.text, self.file, loaded, explicit=False)
        return judge(loaded, today=TODAY, environment=Environment())


def _files() -> Iterator[Path]:
    for file in sorted(istio().rglob("*.y*ml")):
        path = file.relative_to(istio())
        wanted = str(path).startswith(TREES) or "testdata" in path.parts
        if wanted and "templates" not in path.parts and path.parts[0] != "licenses":
            yield path


def pieces() -> Iterator[Piece]:
    """Everything that is linted, in the order of its files."""
    for path in _files():
        text = (istio() / path).read_bytes()
        if b"{{" in text:
            continue  # a template of Go's
        if not str(path).startswith(CASES):
            yield Piece(str(path), 0, text)
            continue
        for number, document in enumerate(text.split(b"\n---"), start=1):
            yield Piece(str(path), number, document.removeprefix(b"---"))
