"""B37: a second `up` changes nothing, and a refresh finds no drift, although istiod patches its own webhooks."""

from __future__ import annotations

from typing import Any

from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from tests.lab.running_lab import RunningLab

WEBHOOK = "istio-validator-istio-system"


def check_no_change(lab: RunningLab) -> None:
    for command in (("up", "--yes", "--skip-preview"), ("preview",)):
        done = lab.pulumi(*command, "--expect-no-changes")
        assert done.returncode == 0, f"pulumi {command[0]} wants to change something:\n{done.stdout}"


def check_no_drift(lab: RunningLab) -> None:
    done = lab.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert done.returncode == 0, f"pulumi refresh found drift:\n{done.stdout}"


def test_istiod_has_patched_its_webhook(lab: RunningLab) -> None:
    """Without this the next tests would show nothing."""
    webhook = lab.objects.get("ValidatingWebhookConfiguration", "", WEBHOOK)["webhooks"][0]
    assert webhook["clientConfig"]["caBundle"]
    assert webhook["failurePolicy"] == "Fail"


def test_a_second_up_changes_nothing(lab: RunningLab) -> None:
    check_no_change(lab)


def test_a_refresh_finds_no_drift(lab: RunningLab) -> None:
    check_no_drift(lab)


def test_drift_would_be_found(lab: RunningLab) -> None:
    """What another hand has loosened is a change."""

    def loosen(policy: dict[str, Any]) -> None:
        policy["spec"]["mtls"]["mode"] = "PERMISSIVE"

    with lab.objects.edited("PeerAuthentication", ROOT_NAMESPACE, "default", loosen):
        done = lab.pulumi("refresh", "--preview-only", "--expect-no-changes")
        assert done.returncode != 0, "a loosened PeerAuthentication is not seen as drift"
