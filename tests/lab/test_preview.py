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


SMALL = """\
config:
  chatgpt-mesh:project: acme-small
  chatgpt-mesh:network:
    {region: europe-west1, zones: [europe-west1-b, europe-west1-c, europe-west1-d], nodes: 10.0.0.0/20,
     pods: 10.4.0.0/14, services: 10.8.0.0/20, control_plane: 10.8.16.0/28}
  chatgpt-mesh:cluster: {kind: gke, name: small, pools: {mesh: {machine_type: e2-standard-4, nodes: {min: 1, max: 3}}}}
  chatgpt-mesh:istio: {version: "1.31.4"}
  chatgpt-mesh:gateways:
    public:
      kind: public
      listeners: {web: {hosts: [api.example.com], tls: {secret: api-example-com-tls}}}
  chatgpt-mesh:apps:
    api:
      namespace: api
      host: api.example.com
      gateway: public
      service: {port: 8080}
      routes: [{prefix: /, auth: none}]
"""


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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copied(tmp_path / "checkout")


def copied(checkout: Path) -> Path:
    """A copy of this checkout, whose stack files a test may change."""
    shutil.copytree(
        CHECKOUT,
        checkout,
        ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", "tests", "docs"),
        symlinks=True,
    )
    (checkout / ".venv").symlink_to(CHECKOUT / ".venv")
    return checkout


def preview_of(checkout: Path, stack: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", "preview", stack],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_stack_that_builds_on_nothing_is_planned(checkout: Path) -> None:
    """The engine itself refuses a stack that lacks a setting which Pulumi.yaml declares."""
    (checkout / "Pulumi.small.yaml").write_text(SMALL, encoding="utf-8")
    done = preview_of(checkout, "small")
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"\+ \d+ to create", done.stdout)


def test_pulumis_own_plugin_for_google_cloud_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    """It starts with credentials only, and a plan takes none along."""
    plugin = tmp_path / "home" / ".pulumi" / "plugins" / "resource-gcp-v10.2.0" / "pulumi-resource-gcp"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("#!/bin/sh\necho failed to load application credentials >&2\nexit 1\n", encoding="utf-8")
    plugin.chmod(0o755)
    cache = os.environ.get("LAB_CACHE") or str(Path.home() / ".cache" / "chatgpt-mesh-lab")
    modules = os.environ.get("GOMODCACHE") or str(Path.home() / "go" / "pkg" / "mod")
    done = preview_of(checkout, "staging", HOME=str(tmp_path / "home"), LAB_CACHE=cache, GOMODCACHE=modules)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "it plans only and never reaches Google Cloud" in done.stdout


def test_a_mistake_fails_the_plan_with_its_sentence(checkout: Path) -> None:
    stack = checkout / "Pulumi.staging.yaml"
    stack.write_text(stack.read_text(encoding="utf-8").replace("10.20.0.0/16", "10.24.0.0/16"), encoding="utf-8")
    done = preview_of(checkout, "staging")
    assert done.returncode == 1
    assert "network.services: overlaps network.pods, which is 10.24.0.0/16" in done.stdout
