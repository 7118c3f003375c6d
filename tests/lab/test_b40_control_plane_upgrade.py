"""B40: a second control plane comes, everything moves to it, the first one goes, and the way back, under load.

The steps are those of docs/upgrade.md, each one line of the stack file. Both revisions are of one version: what is
shown is the order, and that no request fails at any step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.control_plane.installation import of_revision
from chatgpt_mesh.control_plane.istiod import ControlPlane
from tests.lab.kubectl import ISTIO_SYSTEM, kubectl, wait_rolled_out
from tests.lab.running_lab import eventually, fails
from tests.lab.test_b24_rollout_under_load import load, whole_answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.running_lab import RunningLab

pytestmark = pytest.mark.long

UNNAMED, NEXT = "default", "next"
UP = ("up", "--yes", "--skip-preview")
LEAST_REQUESTS = 500


def control_planes(lab: RunningLab, injection: str, *revisions: str) -> dict[str, Any]:
    return {"istio": {"revisions": dict.fromkeys(revisions, lab.stack.istio.version), "injection": injection}}


def deploy(lab: RunningLab, settings: dict[str, Any], directory: Path) -> None:
    done = lab.pulumi(*UP, stack_file=lab.stack_with(settings, directory) if settings else None)
    assert done.returncode == 0, done.stdout


OTHERS = "other-team"
"""A namespace of the lab that no stack declares, with a label of its own."""


def follow(lab: RunningLab, revision: str) -> None:
    """What another team does: its namespace names the control plane that it follows."""
    labels = ["istio-injection=enabled", "istio.io/rev-"]
    if revision != UNNAMED:
        labels = ["istio-injection-", f"istio.io/rev={revision}"]
    kubectl(lab, "label", "--overwrite", "namespace", OTHERS, *labels)


def restart_apps(lab: RunningLab) -> None:
    """What their teams do, namespace by namespace: pods are injected when they are made."""
    for namespace in sorted({OTHERS, *(app.namespace for app in lab.stack.apps.values())}):
        kubectl(lab, "rollout", "restart", "deployments", f"--namespace={namespace}")
        wait_rolled_out(lab, namespace, "deployments", seconds=180)


def followers(lab: RunningLab, revision: str) -> set[str]:
    plane = ControlPlane(lab.api, selector=of_revision(revision))
    return {state.proxy for state in plane.acknowledgements()}


def move(lab: RunningLab, old: str, new: str, directory: Path) -> None:
    """Both run, the new one injects, pods restart; the old one does not go before."""
    deploy(lab, control_planes(lab, old, UNNAMED, NEXT), directory)
    assert not followers(lab, new)
    deploy(lab, control_planes(lab, new, UNNAMED, NEXT), directory)
    early = lab.pulumi(*UP, stack_file=lab.stack_with(control_planes(lab, new, new), directory))
    assert early.returncode != 0
    assert f"{old} is gone from the stack" in early.stdout, early.stdout
    assert "nothing has been deleted" in early.stdout
    follow(lab, new)
    restart_apps(lab)
    eventually(lambda: not followers(lab, old), within=90, what=f"no proxy follows {old}")


@pytest.fixture
def restored(lab: RunningLab, tmp_path: Path) -> Iterator[None]:
    yield
    deploy(lab, control_planes(lab, UNNAMED, UNNAMED, NEXT), tmp_path)
    follow(lab, UNNAMED)
    restart_apps(lab)
    eventually(lambda: not followers(lab, NEXT), within=90, what=f"no proxy follows {NEXT}")
    deploy(lab, {}, tmp_path)


def test_no_request_fails_on_the_way_there_and_back(lab: RunningLab, tmp_path: Path, restored: None) -> None:
    with load(lab, requests_per_connection=1, requests=whole_answers) as seen:
        move(lab, UNNAMED, NEXT, tmp_path)
        deploy(lab, control_planes(lab, NEXT, NEXT), tmp_path)
        assert not lab.pods(ISTIO_SYSTEM, of_revision(UNNAMED))
        move(lab, NEXT, UNNAMED, tmp_path)
        deploy(lab, {}, tmp_path)
    assert not lab.pods(ISTIO_SYSTEM, of_revision(NEXT))
    assert len(seen.replies) > LEAST_REQUESTS
    assert not seen.failures, seen.failures.most_common(3)


def test_a_control_plane_that_goes_too_early_is_noticed(lab: RunningLab) -> None:
    with fails():
        assert not followers(lab, UNNAMED)
