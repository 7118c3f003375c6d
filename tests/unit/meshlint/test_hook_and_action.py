"""The pre-commit hook and the GitHub action, run as their users run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documentation import blocks
from tests.surroundings import ROOT
from tests.unit.meshlint.test_command_line import CLEAN, WARNED

pytestmark = [pytest.mark.unit, pytest.mark.registry]

ACTION = ROOT / "meshlint" / "action.yml"


def done(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        command, cwd=cwd, env={**known, **environment}, capture_output=True, text=True, timeout=300, check=False
    )


def repository(directory: Path, manifest: str) -> Path:
    """Somebody's repository, with one manifest."""
    directory.mkdir()
    (directory / "mesh.yaml").write_text(manifest)
    for command in (["init", "--quiet"], ["add", "."]):
        assert done(["git", *command], directory).returncode == 0
    return directory


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as pre-commit clones it: the hook and the linter."""
    directory = tmp_path_factory.mktemp("published") / "repository"
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(
        [*listing, "meshlint", ".pre-commit-hooks.yaml", "LICENSE"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    for file in filter(None, files):
        target = directory / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / file).read_bytes())
        target.chmod((ROOT / file).stat().st_mode)
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "x"]):
        assert done(["git", *command], directory).returncode == 0
    return directory


@pytest.mark.parametrize(("manifest", "status"), [(WARNED, 1), (CLEAN, 0)], ids=["warned", "clean"])
def test_the_hook_runs_under_pre_commit(published: Path, tmp_path: Path, manifest: str, status: int) -> None:
    theirs = repository(tmp_path / "theirs", manifest)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(published), "meshlint", "--all-files"]
    run = done(command, theirs, PRE_COMMIT_HOME=str(tmp_path / "cache"), MESHLINT_PYTHON=sys.executable)
    assert run.returncode == status, run.stdout + run.stderr
    assert ("warning MCP301 mesh.yaml:4 PeerAuthentication/shop/default" in run.stdout) is bool(status)


def steps() -> list[dict[str, Any]]:
    return yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]


def inputs(**given: str) -> dict[str, str]:
    """What the action's expressions stand for."""
    declared: dict[str, dict[str, str]] = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["inputs"]
    return {name: given.get(name.replace("-", "_"), declared[name]["default"]) for name in declared}


def run_action(theirs: Path, temporary: Path, **given: str) -> tuple[int, str, Path]:
    """Each step in turn, as the runner does it: exit status, what the last step printed, the SARIF file."""
    temporary.mkdir()
    output = temporary / "output"
    output.touch()
    values = inputs(**given)
    printed, status = "", 0
    for step in steps():
        environment = {
            name: values[str(written).removeprefix("${{ inputs.").removesuffix(" }}")]
            for name, written in step.get("env", {}).items()
        }
        ran = done(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            theirs, RUNNER_TEMP=str(temporary), GITHUB_ACTION_PATH=str(ACTION.parent), GITHUB_OUTPUT=str(output),
            **environment,
        )  # fmt: skip
        printed, status = ran.stdout, ran.returncode
        if status:
            break
    (sarif,) = [line.removeprefix("sarif=") for line in output.read_text().splitlines() if line.startswith("sarif=")]
    return status, printed, Path(sarif)


def test_the_action_annotates_and_writes_sarif(tmp_path: Path) -> None:
    theirs = repository(tmp_path / "theirs", WARNED)
    status, printed, sarif = run_action(theirs, tmp_path / "temporary")
    assert status == 1
    assert printed.startswith("::warning file=mesh.yaml,line=4,title=MCP301::")
    assert [result["ruleId"] for result in json.loads(sarif.read_text())["runs"][0]["results"]] == ["MCP301"]
    status, _, _ = run_action(theirs, tmp_path / "again", fail_on="error", arguments="--ignore MCP999")
    assert status == 0


def test_the_docs_call_them_as_they_are_declared() -> None:
    (hook,) = [yaml.safe_load(block.text) for block in blocks("yaml hook")]
    declared = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {one["id"] for repo in hook["repos"] for one in repo["hooks"]} <= {one["id"] for one in declared}
    (action,) = [yaml.safe_load(block.text) for block in blocks("yaml action")]
    for step in action["steps"]:
        assert (ROOT / step["uses"] / "action.yml").is_file()
        assert set(step["with"]) <= set(inputs())


def test_no_input_is_read_as_a_command() -> None:
    assert not [step for step in steps() if "${{" in step["run"]]
