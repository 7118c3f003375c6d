"""The linter as a distribution of its own: what its wheel holds, and that it needs nothing of the checkout."""

from __future__ import annotations

import configparser
import csv
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "meshlint"
GOLDEN = ROOT / "tests" / "unit" / "golden"
VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
INFO = f"meshlint-{VERSION}.dist-info"

UNREADABLE_EXPRESSION = """\
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: errors, namespace: chat}
spec:
  accessLogging:
  - filter: {expression: "response.code >= 500 &&"}
"""


def done(command: list[str | Path], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command that sees no other Python code than that of its own environment."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    built = done(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", directory], cwd=PROJECT
    )
    assert built.returncode == 0, built.stderr
    (made,) = directory.iterdir()
    return made


def test_the_wheel_holds_every_module_and_every_table(wheel: Path) -> None:
    needed = {str(file.relative_to(ROOT)) for kind in ("*.py", "*.json", "*.txt") for file in PROJECT.rglob(kind)}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith(INFO)}
    assert packed == needed | {"meshlint/py.typed"}


def test_the_wheel_carries_the_command_and_the_licence(wheel: Path) -> None:
    packed = zipfile.ZipFile(wheel)
    entry_points = configparser.ConfigParser()
    entry_points.read_string(packed.read(f"{INFO}/entry_points.txt").decode())
    assert dict(entry_points["console_scripts"]) == {"meshlint": "meshlint.__main__:main"}
    assert packed.read(f"{INFO}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds nothing but the wheel and what it depends on."""
    environment = tmp_path_factory.mktemp("environment")
    for command in (
        ["-m", "venv", "--without-pip", environment],
        ["-m", "pip", "--python", environment / "bin" / "python", "install", "--quiet", wheel],
    ):
        made = done([sys.executable, *command])
        assert made.returncode == 0, made.stderr
    return environment / "bin"


@pytest.mark.registry
def test_an_installation_adds_one_name(installed: Path) -> None:
    (record,) = installed.parent.glob(f"lib/python*/site-packages/{INFO}/RECORD")
    paths = [Path(row[0]) for row in csv.reader(record.read_text().splitlines())]
    assert {path.parts[0] for path in paths if path.parts[0] != ".."} == {"meshlint", INFO}
    assert [path.name for path in paths if path.parts[0] == ".."] == ["meshlint"]


@pytest.mark.registry
def test_lint_prints_what_the_readme_shows(installed: Path, tmp_path: Path) -> None:
    readme = (PROJECT / "README.md").read_text()
    policy, shown = re.findall(r"^```(?:yaml|text)\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    command, _, printed = shown.partition("\n")
    (tmp_path / "policy.yaml").write_text(policy)
    linted = done([installed / "meshlint", *command.split()[2:]], cwd=tmp_path)
    assert linted.stdout.startswith(printed)
    assert linted.returncode == 1


@pytest.mark.registry
def test_lint_reads_expressions_with_what_the_wheel_depends_on(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "telemetry.yaml").write_text(UNREADABLE_EXPRESSION)
    linted = done([installed / "meshlint", "lint", "telemetry.yaml"], cwd=tmp_path)
    assert "error MCP601 telemetry.yaml:6 Telemetry/chat/errors" in linted.stdout, linted.stderr


@pytest.mark.registry
def test_explain_has_every_rule(installed: Path, tmp_path: Path) -> None:
    page = done([installed / "meshlint", "explain", "MCP122"], cwd=tmp_path)
    assert page.stdout.startswith("# MCP122: "), page.stderr
    listed = done([installed / "meshlint", "explain"], cwd=tmp_path).stdout.splitlines()
    assert len(listed) == len(list(PROJECT.glob("rules/*/mcp*.py")))


@pytest.mark.registry
def test_reach_says_who_is_let_in(installed: Path, tmp_path: Path) -> None:
    request = ["--to", "chatgpt-mcp.example.com", "--path", "/mcp", "--method", "POST", "--token", "none"]
    command = [installed / "meshlint", "reach", GOLDEN / "prod.yaml", "--from", "internet", *request]
    reached = done(command, cwd=tmp_path)
    assert "challenged 401" in reached.stdout, reached.stderr


@pytest.mark.registry
def test_compare_tells_two_meshes_apart(installed: Path, tmp_path: Path) -> None:
    strict = (GOLDEN / "prod.yaml").read_text()
    (tmp_path / "old.yaml").write_text(strict)
    (tmp_path / "new.yaml").write_text(strict.replace("mode: STRICT", "mode: PERMISSIVE"))
    changed = done([installed / "meshlint", "compare", "old.yaml", "new.yaml"], cwd=tmp_path)
    assert "was denied by PeerAuthentication/istio-system/default" in changed.stdout, changed.stderr
    assert changed.returncode == 1
    same = done([installed / "meshlint", "compare", "old.yaml", "old.yaml"], cwd=tmp_path)
    assert same.stdout.startswith("Both have the same objects, so no request changes its answer")
    assert same.returncode == 0
