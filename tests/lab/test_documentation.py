"""The commands of the documentation that need a running lab are run as they stand."""

from __future__ import annotations

import subprocess

import pytest

from tests.documentation import ROOT, Block, blocks, matches
from tests.lab.running_lab import RunningLab


@pytest.mark.parametrize("block", blocks("sh lab"), ids=str)
def test_command_runs_and_prints_what_the_page_shows(lab: RunningLab, block: Block) -> None:
    script = f'export PATH="{ROOT}/.venv/bin:$PATH"\neval "$(python -m lab env)"\n{block.text}'
    run = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    if block.printed is not None:
        assert matches(run.stdout, block.printed), run.stdout
