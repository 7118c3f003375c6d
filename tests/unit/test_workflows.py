"""The workflows of continuous integration: pinned, and made of targets that run on any machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.surroundings import ROOT

pytestmark = pytest.mark.unit

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def steps(path: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [step for job in document["jobs"].values() for step in job["steps"]]


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    assert not [action for action in used if not re.search(r"@[0-9a-f]{40}$", action)]


def test_every_step_is_a_target_that_runs_here(workflow: Path) -> None:
    commands = [line for step in steps(workflow) for line in step.get("run", "").splitlines()]
    assert commands
    for command in commands:
        target = re.search(r"(?:^|\s)make (?:--silent )?(?:[A-Z]+=\S+ )*([\w./-]+)", command)
        assert target, f"{command} is no target"
        assert target[1] in TARGETS | {".venv/installed"}, f"the Makefile has no target {target[1]}"


def test_nothing_is_written_with_the_repositorys_token_unless_a_job_says_so(workflow: Path) -> None:
    document = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert document["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("form", ["mesh", "rule"])
def test_a_form_asks_for_what_reproduces_it(form: str) -> None:
    """https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests"""
    path = ROOT / ".github" / "ISSUE_TEMPLATE" / f"{form}.yml"
    asked = yaml.safe_load(path.read_text(encoding="utf-8"))
    fields = [field for field in asked["body"] if field["type"] != "markdown"]
    assert {"name", "description", "body"} <= asked.keys()
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field["attributes"].get("render") == "yaml" and field["validations"]["required"] for field in fields)
