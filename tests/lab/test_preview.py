"""`python -m lab preview STACK`: the real engine, with neither credentials nor network, and each chart's objects."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lab.state import CHECKOUT

ISOLATED = ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A network of its own, with nothing in it but the loopback on which engine and plugins talk."""


def preview(stack: str, *options: str) -> str:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("util-linux and iproute2 are needed to take the network away")
    canary = {"GOOGLE_OAUTH_ACCESS_TOKEN": "canary-4711", "GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent/canary-4711"}
    done = subprocess.run(
        [*ISOLATED, sys.executable, "-m", "lab", "preview", stack, *options],
        cwd=CHECKOUT,
        env={**os.environ, **canary},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "canary-4711" not in done.stdout
    return done.stdout


def inventory(stack: str) -> list[dict[str, str]]:
    return yaml.safe_load((CHECKOUT / "tests" / "program" / "inventory" / f"{stack}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_every_resource_of_the_inventory_is_in_the_plan_and_every_chart_is_rendered(stack: str, tmp_path: Path) -> None:
    plan = preview(stack, "--objects", str(tmp_path))
    # The stack itself is a resource too.
    assert f"+ {len(inventory(stack)) + 1} to create" in plan
    for name in ("base", "cni", "istiod", "gateway/istio-ingress/istio-ingressgateway"):
        assert f"\n  {name}\n" in plan
    assert "1 PodDisruptionBudget: istio-system/istiod" in plan
    rendered = list(yaml.safe_load_all((tmp_path / "istiod.yaml").read_text(encoding="utf-8")))
    assert any(found["kind"] == "Deployment" for found in rendered)


def test_what_only_google_decides_is_unknown_in_a_plan() -> None:
    plan = preview("staging", "--diff")
    assert re.search(r"private_endpoint\s*: \[unknown\]", plan)
    assert re.search(r'datapathProvider\s*: "ADVANCED_DATAPATH"', plan)


def test_a_mistake_fails_the_plan_with_its_sentence(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(
        CHECKOUT,
        checkout,
        ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", "tests", "docs"),
        symlinks=True,
    )
    (checkout / ".venv").symlink_to(CHECKOUT / ".venv")
    stack = checkout / "Pulumi.staging.yaml"
    stack.write_text(stack.read_text(encoding="utf-8").replace("10.20.0.0/16", "10.24.0.0/16"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "preview", "staging"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert "network.services: overlaps network.pods, which is 10.24.0.0/16" in done.stdout
