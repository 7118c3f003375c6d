"""What a release is made of: every dependency by hash, an SBOM that names them, a workflow that publishes no other."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from chatgpt_mesh import __version__
from tests.surroundings import ROOT

pytestmark = pytest.mark.unit

WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
JOBS: dict[str, Any] = WORKFLOW["jobs"]


@dataclass(frozen=True)
class Locked:
    requirement: Requirement
    hashes: frozenset[str]

    @property
    def version(self) -> str:
        return next(iter(self.requirement.specifier)).version


def locked(file: str) -> dict[NormalizedName, Locked]:
    """Entries of a file with hashes, by canonical name."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[NormalizedName, Locked] = {}
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        if line:
            said, *hashes = line.split("--hash=sha256:")
            requirement = Requirement(said.strip())
            found[canonicalize_name(requirement.name)] = Locked(requirement, frozenset(one.strip() for one in hashes))
    return found


def pinned(file: str) -> dict[NormalizedName, str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    said = [Requirement(line) for line in lines if line]
    return {canonicalize_name(one.name): next(iter(one.specifier)).version for one in said}


LOCK = locked("requirements.lock")


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--silent", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what the workflow's commands write."""
    directory = tmp_path_factory.mktemp("release")
    with (tmp_path_factory.getbasetemp().parent / "release.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # one process makes the environment of the tools
        done = make("wheels", "sbom", f"DIST={directory}", f"SBOM={directory / 'sbom.json'}")
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


class TestTheLock:
    @pytest.mark.parametrize(
        ("asked", "file"),
        [("requirements.txt", "requirements.lock"), ("requirements-release.in", "requirements-release.txt")],
    )
    def test_holds_every_pin_in_its_version_and_by_hash(self, asked: str, file: str) -> None:
        found = locked(file)
        versions = {name: found[name].version for name in pinned(asked)}
        assert {name: Version(version) for name, version in versions.items()} == {
            name: Version(version) for name, version in pinned(asked).items()
        }, "make lock"
        assert [name for name, one in found.items() if not one.hashes] == []
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for one in found.values() for digest in one.hashes)

    def test_holds_all_that_these_bring_along(self) -> None:
        missing: list[str] = []
        for name, one in LOCK.items():
            if one.requirement.marker and not one.requirement.marker.evaluate():
                continue
            asked = [Requirement(line) for line in metadata.distribution(name).requires or ()]
            needed = [need for need in asked if need.marker is None or need.marker.evaluate({"extra": ""})]
            missing += [f"{need.name} of {name}" for need in needed if canonicalize_name(need.name) not in LOCK]
        assert missing == [], "make lock"

    def test_is_what_the_tests_run_with(self) -> None:
        here = {name: metadata.version(name) for name, one in LOCK.items() if not one.requirement.marker}
        assert here == {name: one.version for name, one in LOCK.items() if not one.requirement.marker}


class TestTheSbom:
    @pytest.fixture(scope="class")
    def bom(self, made: Path) -> dict[str, Any]:
        return json.loads((made / "sbom.json").read_text(encoding="utf-8"))

    def test_is_of_this_version_of_the_product(self, bom: dict[str, Any]) -> None:
        assert bom["bomFormat"] == "CycloneDX"
        component = bom["metadata"]["component"]
        assert (component["name"], component["version"]) == ("chatgpt-mesh", __version__)

    def test_names_every_locked_package_and_no_other(self, bom: dict[str, Any]) -> None:
        told = {canonicalize_name(one["name"]): one for one in bom["components"]}
        assert told.keys() == LOCK.keys()
        for name, one in LOCK.items():
            assert told[name]["version"] == one.version
            assert told[name]["purl"].startswith(f"pkg:pypi/{name}@{one.version.replace('!', '%21')}")

    def test_has_every_hash_of_each(self, bom: dict[str, Any]) -> None:
        told = {
            canonicalize_name(component["name"]): {
                digest["content"]
                for reference in component["externalReferences"]
                for digest in reference.get("hashes", ())
            }
            for component in bom["components"]
        }
        assert told == {name: one.hashes for name, one in LOCK.items()}


class TestTheWorkflow:
    def test_its_commands_make_both_wheels(self, made: Path) -> None:
        names = {wheel.name.partition("-")[0] for wheel in made.glob("*.whl")}
        assert names == {"chatgpt_mesh", "meshlint"}

    def test_a_tag_of_another_version_is_refused(self, made: Path) -> None:
        assert made.is_dir()
        assert make("tagged", TAG=f"v{__version__}").returncode == 0
        refused = make("tagged", TAG="v9.9.9")
        assert refused.returncode != 0
        assert f"the tag is v9.9.9, the version {__version__}: tag v{__version__}" in refused.stdout

    def test_begins_with_a_tag_and_with_nothing_else(self) -> None:
        assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` as a truth value

    def test_nothing_is_built_before_the_tests_and_nothing_published_before_an_approval(self) -> None:
        assert JOBS["build"]["needs"] == "test"
        assert JOBS["publish"]["needs"] == "build"
        assert JOBS["publish"]["environment"] == "pypi"

    def test_no_secret_is_read(self) -> None:
        assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")

    def test_what_may_publish_runs_nothing_of_this_repository(self) -> None:
        job = JOBS["publish"]
        assert job["permissions"] == {"id-token": "write"}
        assert not any("run" in step or step["uses"].startswith("actions/checkout@") for step in job["steps"])

    def test_what_is_attested_is_what_is_kept(self) -> None:
        steps = {step["uses"].partition("@")[0]: step for step in JOBS["build"]["steps"] if "uses" in step}
        attested = steps["actions/attest-build-provenance"]["with"]["subject-path"].split()
        uploads = [step for step in JOBS["build"]["steps"] if "upload-artifact" in step.get("uses", "")]
        assert {step["with"]["path"] for step in uploads} == set(attested) == {"dist/*.whl", "chatgpt-mesh.cdx.json"}
        assert {"id-token": "write", "attestations": "write"}.items() <= JOBS["build"]["permissions"].items()
