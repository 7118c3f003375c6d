"""The policy pack with Pulumi's real engine and its policy SDK: a wrong plan fails, a right one does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.state import CHECKOUT
from policy.guard_rails import GUARD_RAILS
from tests.lab.offline_engine import OfflineEngine, prepared
from tests.unit.stack.test_new_project import ANSWERS, init

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.registry

WRONG = """
import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

cluster = kubernetes.Provider("cluster", kubeconfig=KUBECONFIG, enable_server_side_apply=True)
on = pulumi.ResourceOptions(provider=cluster)
google = gcp.Provider("google", project="acme", access_token="none")


class Security(pulumi.ComponentResource):
    def __init__(self, exceptions):
        super().__init__("chatgpt-mesh:mesh:Security", "security", {"exceptions": exceptions})
        self.register_outputs({})


CustomResource(
    "peers",
    api_version="security.istio.io/v1",
    kind="PeerAuthentication",
    metadata={"name": "peers", "namespace": "a"},
    spec={"mtls": {"mode": "PERMISSIVE"}},
    opts=on,
)
CustomResource(
    "edge",
    api_version="networking.istio.io/v1",
    kind="Gateway",
    metadata={"name": "edge", "namespace": "a"},
    spec={"servers": [{"hosts": ["*"], "port": {"number": 443, "name": "https", "protocol": "HTTPS"}}]},
    opts=on,
)
Security([{"declared_at": "accept[0]", "until": "2999-01-01", "what": "MCP315 of Gateway/a/b is accepted"}])
gcp.container.Cluster(
    "open", location="us-central1", deletion_protection=False, opts=pulumi.ResourceOptions(provider=google)
)
"""
SEEN_BY_THE_ENGINE = {rail.name for rail in GUARD_RAILS} - {"charts-are-pinned"}
"""The stand-in for the plugin has no Helm Release, the one kind of chart whose inputs a pack sees."""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack with an environment of its own, as its page says."""
    pack = tmp_path_factory.mktemp("pack") / "policy"
    shutil.copytree(CHECKOUT / "policy", pack, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    subprocess.run([sys.executable, "-m", "venv", pack / ".venv"], check=True)
    python = pack / ".venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", pack / "requirements.txt"], check=True)
    return pack


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> OfflineEngine:
    return prepared(tmp_path_factory.mktemp("projects"))


def named_in(plan: str) -> set[str]:
    return {rail.name for rail in GUARD_RAILS if rail.name in plan}


def test_each_rule_fails_the_preview_that_breaks_it(engine: OfflineEngine, pack: Path) -> None:
    project = engine.directory / "wrong"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: wrong\nruntime: python\n", encoding="utf-8")
    kubeconfig = engine.variables["KUBECONFIG"]
    (project / "__main__.py").write_text(f"KUBECONFIG = {kubeconfig!r}\n{WRONG}", encoding="utf-8")
    without = engine.previewed(project, "dev")
    assert without.endswith("status 0"), without
    plan = engine.previewed(project, "dev", "--policy-pack", str(pack))
    assert not plan.endswith("status 0"), plan
    assert named_in(plan) == SEEN_BY_THE_ENGINE, plan
    assert "spec.mtls.mode is PERMISSIVE" in plan


def test_a_stack_is_stopped_for_what_its_file_lacks_and_passes_with_it(engine: OfflineEngine, pack: Path) -> None:
    project = engine.directory / "weather"
    assert init("gke", project, ANSWERS["gke"]) == 0
    (project / ".venv").symlink_to(CHECKOUT / ".venv")
    # The stand-in for the language host takes the checkout itself off the path.
    linked = engine.directory / "linked"
    linked.mkdir()
    for name in ("chatgpt_mesh", "meshlint"):
        (linked / name).symlink_to(CHECKOUT / name)
    told = replace(engine, variables={**engine.variables, "PYTHONPATH": str(linked)})
    plan = told.previewed(project, "dev", "--policy-pack", str(pack))
    assert not plan.endswith("status 0"), plan
    assert named_in(plan) == {"cluster-is-labelled"}, plan
    stack = project / "Pulumi.dev.yaml"
    labelled = "name: weather\n    labels: {environment: dev, team: weather}\n"
    stack.write_text(stack.read_text(encoding="utf-8").replace("name: weather\n", labelled, 1), encoding="utf-8")
    plan = told.previewed(project, "dev", "--policy-pack", str(pack))
    assert plan.endswith("status 0"), plan
