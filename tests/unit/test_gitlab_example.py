"""examples/gitlab-ci.yml: jobs of a shape that GitLab takes, made of targets that there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.surroundings import ROOT
from tests.unit.test_workflows import TARGETS

pytestmark = pytest.mark.unit

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "gitlab-ci.yml").read_text(encoding="utf-8"))
GLOBAL = {"stages", "default", "variables"}
JOBS = {name: job for name, job in PIPELINE.items() if name not in GLOBAL and not name.startswith(".")}
KEYS = {"extends", "stage", "timeout", "parallel", "script", "artifacts", "rules", "cache"}
"""Keywords of jobs that it uses: https://docs.gitlab.com/ci/yaml/"""


def commands(job: dict[str, Any]) -> list[str]:
    """The lines of a job, once for each target of its matrix."""
    rows = job.get("parallel", {}).get("matrix", [{}])
    targets = [target for row in rows for target in row.get("TARGET", ["$TARGET"])]
    return [line.replace("$TARGET", target) for line in job["script"] for target in targets]


@pytest.mark.parametrize("name", JOBS)
class TestEachJob:
    def test_is_of_a_stage_and_runs_for_merge_requests(self, name: str) -> None:
        job = JOBS[name]
        assert set(job) <= KEYS
        assert job["stage"] in PIPELINE["stages"]
        assert PIPELINE[job["extends"]]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]

    def test_is_made_of_targets_that_there_are(self, name: str) -> None:
        for command in commands(JOBS[name]):
            target = re.search(r"^make (?:--silent )?([\w./-]+)(?: [A-Z]+=\S+)*(?: > \S+)?$", command)
            assert target, f"{command} is no target"
            assert target[1] in TARGETS | {".venv/installed"}, f"the Makefile has no target {target[1]}"

    def test_reads_no_variable_that_nobody_sets(self, name: str) -> None:
        rows = JOBS[name].get("parallel", {}).get("matrix", [{}])
        known = {variable for row in rows for variable in row} | set(PIPELINE["variables"])
        used = set(re.findall(r"\$(\w+)", " ".join(JOBS[name]["script"])))
        assert {variable for variable in used - known if not variable.startswith("CI_")} == set()


def test_it_runs_what_the_workflow_of_pull_requests_runs_offline() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "pull-request.yml").read_text(encoding="utf-8"))
    there = {step["run"] for step in workflow["jobs"]["offline"]["steps"] if "run" in step}
    here = {command for job in JOBS.values() for command in commands(job)}
    plans = {f"make preview STACK={stack}" for row in JOBS["plan"]["parallel"]["matrix"] for stack in row["STACK"]}
    assert there - here - plans == set()


def test_what_a_job_keeps_is_what_it_writes() -> None:
    job = JOBS["diff"]
    assert all(any(f"> {path}" in line for line in job["script"]) for path in job["artifacts"]["paths"])
