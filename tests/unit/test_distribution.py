"""The product as a distribution: one import name, the same code, of use in anybody's project."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.surroundings import ROOT

pytestmark = pytest.mark.unit

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = ("components", "control_plane", "importing", "istio_api", "mesh", "review", "rollout", "stack")
GENERATOR = ROOT / "istio_api" / "generate"

STACK = """
config:
  chatgpt-mesh:cluster: {kind: existing}
  chatgpt-mesh:istio: {version: "1.31.4"}
  chatgpt-mesh:gateways:
    public: {kind: public, listeners: {https: {hosts: ["*.example.com"], tls: {secret: edge}}}}
  chatgpt-mesh:apps:
    weather:
      namespace: weather
      host: weather.example.com
      gateway: public
      service: {port: 80, target_port: 3000}
      mcp: {}
      auth: {issuers: [{issuer: "https://auth.example.com", jwks_uri: "https://auth.example.com/keys"}]}
"""


def built(project: Path, directory: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = directory.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("product"))


def test_the_wheel_has_every_module_and_script_under_one_name(wheel: Path) -> None:
    files = (file for name in PACKAGES for file in (ROOT / name).rglob("*"))
    suffixes = (".py", ".lua", ".template")
    sources = [file for file in files if file.suffix in suffixes and not file.is_relative_to(GENERATOR)]
    expected = {f"chatgpt_mesh/{file.relative_to(ROOT)}" for file in sources}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected | {"chatgpt_mesh/__init__.py", "chatgpt_mesh/program.py", "chatgpt_mesh/py.typed"}


def test_an_installed_product_shows_a_stack_of_somebody_elses_project(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    installed, project = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("theirs")
    for made in (wheel, built(ROOT / "meshlint", tmp_path_factory.mktemp("linter"))):
        zipfile.ZipFile(made).extractall(installed)
    (project / "Pulumi.yaml").write_text("name: theirs\n", encoding="utf-8")
    (project / "Pulumi.dev.yaml").write_text(STACK, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "chatgpt_mesh.mesh", "show", "dev", "weather", "--format", "names"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "VirtualService/weather/weather\tapps.weather" in done.stdout, done.stderr


def test_the_tested_versions_are_within_what_the_distribution_asks_for() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line.partition("#")[0].strip()) for line in lines if line and not line.startswith("#")]
    tested = {requirement.name: next(iter(requirement.specifier)).version for requirement in pinned}
    asked = {requirement.name: requirement.specifier for requirement in map(Requirement, PROJECT["dependencies"])}
    linter = tomllib.loads((ROOT / "meshlint" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert asked.pop(linter["name"]).contains(Version(linter["version"]))
    assert {name for name, version in tested.items() if asked[name].contains(Version(version))} == set(asked)
