"""What Istio's own command line says about the objects of every stack. No cluster is needed; seconds."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, seed
from hypothesis import settings as hypothesis_settings

from chatgpt_mesh.components.implied import implied_objects
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.stack import settings
from lab.screen import Screen
from lab.toolchain import Toolchain
from tests.surroundings import ROOT, STACKS, surroundings
from tests.unit.golden import product
from tests.unit.random_stacks import TAKES_LONG, stacks

TODAY = date(2026, 11, 24)
ENVOY_FILTER = "IST0133"
"""EnvoyFilter exposes internal implementation details: true, and said once for each of them."""


@pytest.fixture(scope="session")
def istioctl() -> str:
    toolchain = Toolchain()
    toolchain.ensure(["istio"], Screen())
    return str(toolchain.path("istioctl"))


def run(istioctl: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([istioctl, *arguments], capture_output=True, text=True, check=False, timeout=120)


def istio_objects(stack: str, directory: Path) -> list[dict[str, Any]]:
    with surroundings(directory / "istio"):
        manifests = [made.manifest for made in product.of_stack(stack).objects]
    return [manifest for manifest in manifests if "istio.io/" in manifest["apiVersion"]]


def written(directory: Path, name: str, objects: list[dict[str, Any]]) -> str:
    path = directory / name
    path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return str(path)


def surrounded(stack: str, directory: Path) -> list[dict[str, Any]]:
    """The namespaces, Services and workloads that the objects speak of, so that analyzers can follow a reference."""
    with surroundings(directory / "machine"):
        loaded = settings.load_stack(ROOT / f"Pulumi.{stack}.yaml", TODAY)
    return list(implied_objects(Mesh(loaded, TODAY), loaded.istio.injects))


def analyzed(istioctl: str, *files: str) -> list[dict[str, Any]]:
    done = run(istioctl, "analyze", "--use-kube=false", "--all-namespaces", "--output=json", *files)
    assert done.stdout.startswith("["), done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("stack", STACKS)
def test_validate_finds_no_error_and_warns_of_envoy_filters_alone(istioctl: str, stack: str, tmp_path: Path) -> None:
    objects = istio_objects(stack, tmp_path)
    done = run(istioctl, "validate", "-f", written(tmp_path, "objects.yaml", objects))
    assert done.returncode == 0, done.stdout + done.stderr
    warnings = re.findall(r"^\s+\* (\S+?)/\S+: ", done.stdout + done.stderr, re.MULTILINE)
    assert set(warnings) == {"EnvoyFilter"}, done.stdout + done.stderr
    assert len(warnings) == sum(found["kind"] == "EnvoyFilter" for found in objects)


def test_validate_finds_no_error_in_stacks_that_nobody_wrote(istioctl: str, tmp_path: Path) -> None:
    """All kinds of objects in all their variants; the generator reaches every setting of a stack."""
    objects: list[dict[str, Any]] = []

    @seed(0)
    @hypothesis_settings(
        max_examples=100, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=TAKES_LONG
    )
    @given(stacks())
    def drawn(stack: dict[str, Any]) -> None:
        manifests = [made.manifest for made in product.of_values(stack).objects]
        objects.extend(manifest for manifest in manifests if "istio.io/" in manifest["apiVersion"])

    with surroundings(tmp_path / "istio"):
        drawn()
    assert len(objects) > 1000
    done = run(istioctl, "validate", "-f", written(tmp_path, "objects.yaml", objects))
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.parametrize("stack", STACKS)
def test_analyze_finds_nothing_but_that_there_are_envoy_filters(istioctl: str, stack: str, tmp_path: Path) -> None:
    objects = istio_objects(stack, tmp_path)
    files = written(tmp_path, "objects.yaml", objects), written(tmp_path, "others.yaml", surrounded(stack, tmp_path))
    found = [message for message in analyzed(istioctl, *files) if message["code"] != ENVOY_FILTER]
    assert not found, "\n".join(f"{one['code']} {one.get('origin')}: {one['message']}" for one in found)


def test_both_tell_what_is_wrong(istioctl: str, tmp_path: Path) -> None:
    """Otherwise the two tests above would pass on anything."""
    (service,) = [
        one
        for one in istio_objects("staging", tmp_path)
        if (one["kind"], one["metadata"]["name"]) == ("VirtualService", "chatgpt-mcp-mesh")
    ]
    other = {**service, "metadata": {**service["metadata"], "name": "another"}}
    assert "IST0109" in {one["code"] for one in analyzed(istioctl, written(tmp_path, "two.yaml", [service, other]))}
    service["spec"]["http"][0]["nonsense"] = True
    assert run(istioctl, "validate", "-f", written(tmp_path, "wrong.yaml", [service])).returncode != 0
