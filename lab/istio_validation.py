"""Istio's own validation as a program, and the cases that its module tests it with.

Both come from the pinned module (`lab/toolchain/validation`), and are built once into the toolchain's cache: a program
that says of objects whether Istio takes them, and a file of what the module's tests hand to its validating functions.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.screen import Screen
    from lab.toolchain import Toolchain

FAMILY = "validation"
MODULE = "istio.io/istio"
PACKAGES = ("pkg/config/validation", "pkg/config/validation/agent", "pkg/config/validation/envoyfilter")
WITHOUT_CASES = ("fuzz_test.go", "openapi_test.go")
"""Tests that read files, and need modules that the others do not."""


@dataclass(frozen=True, slots=True)
class IstioValidation:
    """The authority on what Istio refuses.

    Attributes:
        verdicts: The program; reads objects as JSON lines, answers with the webhook's and the CRDs' reasons to refuse.
        crds: The file with Istio's CRDs, the program's argument.
        cases: JSON lines: function, metadata and value of every call in the module's tests.
        source: The module's source.
    """

    verdicts: Path
    crds: Path
    cases: Path
    source: Path


def istio_validation(toolchain: Toolchain, screen: Screen) -> IstioValidation:
    """Build the program and record the cases, unless the cache has them (two minutes from a warm cache of Go's).

    Raises:
        LabError: no Go, no room, or a build or a test failed.
    """
    toolchain.ensure([FAMILY], screen)
    cases = toolchain.directory(FAMILY) / "cases.jsonl"
    go = toolchain.go(FAMILY, screen)
    toolchain.run_go([go, "mod", "download", MODULE], FAMILY, "Downloading Istio's source")
    listed = [go, "list", "-m", "-f", "{{.Dir}}", MODULE]
    source = Path(toolchain.run_go(listed, FAMILY, "Finding Istio's source").strip())
    if not cases.exists():
        with screen.step("The cases of Istio's validation tests"):
            _record(toolchain, go, source, cases)
    crds = source / "manifests" / "charts" / "base" / "files" / "crd-all.gen.yaml"
    return IstioValidation(toolchain.path("istio-verdicts"), crds, cases, source)


def _record(toolchain: Toolchain, go: str, source: Path, cases: Path) -> None:
    """Run the module's tests in a copy, with every call of a validating function written down."""
    module = toolchain.module(FAMILY)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "istio"
        shutil.copytree(source, copy)
        for path in [copy, *copy.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
        for package in PACKAGES:
            recorder = [str(toolchain.path("istio-recorder")), str(copy / package), *WITHOUT_CASES]
            toolchain.run_go(recorder, FAMILY, f"Rewriting the tests of {package}")
        go_mod = Path(scratch) / "go.mod"
        go_mod.write_text(
            f"{(module / 'go.mod').read_text(encoding='utf-8')}\nreplace {MODULE} => {copy}\n", encoding="utf-8"
        )
        shutil.copy(module / "go.sum", go_mod.with_name("go.sum"))
        unfinished = Path(scratch) / "cases.jsonl"
        test = [go, "test", "-count=1", "-vet=off", "-trimpath", "-buildvcs=false", f"-modfile={go_mod}"]
        toolchain.run_go(
            [*test, *(f"{MODULE}/{package}" for package in PACKAGES)],
            FAMILY,
            "Recording the cases of Istio's validation tests",
            {"RECORDED_CASES": str(unfinished)},
        )
        shutil.copy(unfinished, cases.with_name(".cases.unfinished"))
        cases.with_name(".cases.unfinished").replace(cases)
