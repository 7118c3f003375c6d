"""B42: `pulumi destroy` leaves what docs/deploy.md says and no more; `up` takes that over, twice.

Among the last tests, because the sample workloads go with their namespaces; `python -m lab up` brings them back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lab.stack import knows_nothing
from lab.state import CHECKOUT
from tests.lab.bring_up import MESH, bring_up
from tests.lab.killed_deploys.kill import end
from tests.lab.kubectl import kubectl
from tests.lab.running_lab import eventually, fails

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab

DEFINITION = ("CustomResourceDefinition", "", "virtualservices.networking.istio.io")
MANAGER = "pulumi-kubernetes"
KEPT_KINDS = ("CustomResourceDefinition/", "APIService/")
KEPT_GROUPS = (".istio.io", ".cert-manager.io")
WRITTEN_BY_ISTIOD = {"ConfigMap/istio-ca-root-cert", "ConfigMap/istio-ca-crl"}


def whole_cluster(lab: RunningLab) -> list[dict[str, Any]]:
    """Every object but events, with who manages which of its fields."""
    names = kubectl(lab, "api-resources", "--verbs=list", "--output=name").split()
    kinds = ",".join(name for name in names if not name.startswith("events"))
    return json.loads(kubectl(lab, "get", kinds, "--all-namespaces", "--show-managed-fields", "--output=json"))["items"]


def left(lab: RunningLab) -> set[str]:
    """What this stack made or Istio wrote, but the definitions of Istio and cert-manager, and how they are served."""
    found = {
        f"{one['kind']}/{one['metadata']['name']}"
        for one in whole_cluster(lab)
        if "istio" in one["metadata"]["name"]
        or any(entry["manager"].startswith(MANAGER) for entry in one["metadata"].get("managedFields", ()))
    }
    return {one for one in found if not (one.startswith(KEPT_KINDS) and one.endswith(KEPT_GROUPS))}


def check_nothing_else_is_left(lab: RunningLab) -> None:
    assert left(lab) <= WRITTEN_BY_ISTIOD


@pytest.fixture(scope="module")
def definition(lab: RunningLab) -> str:
    return lab.objects.get(*DEFINITION)["metadata"]["uid"]


@pytest.mark.parametrize("time", ["once", pytest.param("twice", marks=pytest.mark.long)])
def test_it_leaves_the_definitions_and_up_takes_them_over(lab: RunningLab, definition: str, time: str) -> None:
    destroyed = lab.pulumi("destroy", "--yes", "--skip-preview")
    assert destroyed.returncode == 0, destroyed.stdout
    assert lab.objects.get(*DEFINITION)["metadata"]["uid"] == definition, "with it would go everybody's objects"
    check_nothing_else_is_left(lab)
    for command in (("up", "--yes", "--skip-preview"), ("preview", "--expect-no-changes")):
        done = lab.pulumi(*command)
        assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.skipif(
    "LAB_KUBECONFIG" in os.environ, reason="in a cluster of somebody else's nothing is taken over unasked"
)
def test_a_first_deploy_of_the_lab_that_was_killed_is_taken_over_by_the_next(lab: RunningLab) -> None:
    """It writes its state at its end alone, so of what it had made nothing is known."""
    destroyed = lab.pulumi("destroy", "--yes", "--skip-preview")
    assert destroyed.returncode == 0, destroyed.stdout
    assert knows_nothing(lab.state.pulumi_backend)
    command = [sys.executable, "-m", "lab", "up", "--mesh", MESH]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, start_new_session=True) as first:
        eventually(lambda: "istiod" in lab.objects.names("Service", "istio-system"), within=60, what="istiod is made")
        end(first.pid)
    assert knows_nothing(lab.state.pulumi_backend)
    bring_up(MESH)
    assert not knows_nothing(lab.state.pulumi_backend)
    done = lab.pulumi("preview", "--expect-no-changes")
    assert done.returncode == 0, done.stdout


def test_a_mesh_that_is_still_there_would_be_noticed(lab: RunningLab) -> None:
    with fails():
        check_nothing_else_is_left(lab)
    metadata = {"name": "one-of-ours", "namespace": "default"}
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"kept": "by nobody"}}
    lab.objects.apply(own, manager=f"{MANAGER}-0123abcd")
    try:
        assert "ConfigMap/one-of-ours" in left(lab)
    finally:
        lab.objects.delete("ConfigMap", "default", "one-of-ours")
