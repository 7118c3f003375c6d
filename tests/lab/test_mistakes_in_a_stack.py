"""Three mistakes in a stack file are three sentences of the `pulumi` command, and no plan. About three seconds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from lab.state import CHECKOUT

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab

MISTAKES = {
    "istio": {"control_plane": {"replica": {"min": 3}}},
    "gateways": {"public": {"workload": {"replicas": {"min": "3"}}}},
    "apps": {"chatgpt-mcp": {"callers": [{"app": "chatgpt-frontent"}]}},
}


def test_three_mistakes_are_three_sentences_and_no_plan(lab: RunningLab, tmp_path: Path) -> None:
    own = yaml.safe_load((CHECKOUT / "Pulumi.lab.yaml").read_text(encoding="utf-8"))
    config = {f"chatgpt-mesh:{name}": value for name, value in {"extends": ["Pulumi.lab.yaml"], **MISTAKES}.items()}
    stack_file = tmp_path / "Pulumi.lab.yaml"
    stack_file.write_text(yaml.safe_dump({"encryptionsalt": own["encryptionsalt"], "config": config}), encoding="utf-8")

    command = ["pulumi", "preview", "--stack", "lab", "--config-file", str(stack_file), "--non-interactive"]
    done = subprocess.run(command, cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "error: 3 mistakes in the configuration:" in said
    assert "istio.control_plane.replica: is not a setting; did you mean `replicas`?" in said
    assert "gateways.public.workload.replicas.min: must be a whole number, without quotes (given: '3')" in said
    assert "apps.chatgpt-mcp.callers[0].app: is not an app of this stack; there are: " in said
    assert "Traceback" not in said
    assert "to create" not in said
    assert "to update" not in said
    assert "to delete" not in said
