""".pre-commit-config.yaml: what runs before a commit is what `make lint` and `make check` say afterwards."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.surroundings import ROOT

pytestmark = pytest.mark.unit

FILE = ROOT / ".pre-commit-config.yaml"
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook
    for repository in yaml.safe_load(FILE.read_text(encoding="utf-8"))["repos"]
    for hook in repository["hooks"]
}
STACKS = ("prod", "staging")
OPEN_TO_ALL = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: broken, namespace: chatgpt-production}
spec: {action: PERMIT}
"""


def test_pre_commit_takes_it() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["ruff-check", "ruff-format"])
def test_ruff_is_the_version_that_judges_later(name: str) -> None:
    pins = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert HOOKS[name]["additional_dependencies"] == re.findall(r"^ruff==\S+", pins, re.MULTILINE)


@pytest.mark.parametrize(("name", "status"), [("ruff-check", 1), ("ruff-format", 0)])
def test_ruff_does_its_work(name: str, status: int, tmp_path: Path) -> None:
    written = tmp_path / "written.py"
    written.write_text("import os\nx = { 'a':1 }\n", encoding="utf-8")
    program, *arguments = shlex.split(HOOKS[name]["entry"])
    done = subprocess.run([Path(sys.executable).parent / program, *arguments, str(written)], cwd=ROOT, check=False)
    assert done.returncode == status
    assert ('x = {"a": 1}' in written.read_text(encoding="utf-8")) is (name == "ruff-format")


@pytest.mark.parametrize("stack", STACKS)
class TestMeshlint:
    def test_judges_a_stack_that_has_changed(self, stack: str) -> None:
        hook = HOOKS[f"meshlint-{stack}"]
        assert re.search(hook["files"], f"tests/unit/golden/{stack}.yaml")
        assert not any(re.search(hook["files"], f"tests/unit/golden/{other}.yaml") for other in {*STACKS} - {stack})

    def test_passes_what_there_is_and_stops_what_is_wrong(self, stack: str, tmp_path: Path) -> None:
        script, *arguments = shlex.split(HOOKS[f"meshlint-{stack}"]["entry"])
        assert os.access(ROOT / script, os.X_OK)
        golden = tmp_path / arguments[-1]
        golden.parent.mkdir(parents=True)
        shutil.copy(ROOT / arguments[-1], golden)
        # The script makes an environment first, and another test runs it so; what it starts then is this.
        command = [sys.executable, "-m", "meshlint", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        assert subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode == 0
        golden.write_text(golden.read_text(encoding="utf-8") + "---" + OPEN_TO_ALL, encoding="utf-8")
        assert subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode == 1
