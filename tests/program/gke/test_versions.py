"""Google's answer to the question which versions GKE offers: a version list judges the stack, nothing else stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from tests.program.gke.registered import CLUSTER, registered, the
from tests.program.recorded_program import run
from tests.unit.components.gke_stack import changed as small

if TYPE_CHECKING:
    from tests.program.recorded_program import Recorded

VERSIONS = "gcp:container/getEngineVersions:getEngineVersions"

DISABLED = """1 error occurred:
    * googleapi: Error 403: Kubernetes Engine API has not been used in project acme before or it is disabled.
Details: [{"@type": "type.googleapis.com/google.rpc.ErrorInfo"}]"""


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody is logged in; what the program warns of."""
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "nobody's")
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


def answered(answer: Any) -> Recorded:
    return run("prod", small({}), answers={VERSIONS: answer})


@pytest.mark.parametrize("answer", [DISABLED, "Permission denied on resource project acme", "no route to host"])
def test_a_refusal_is_a_sentence_and_the_plan_goes_on(warnings: list[str], answer: str) -> None:
    recorded = answered(answer)
    assert recorded.error is None
    assert the(recorded, CLUSTER)
    (sentence,) = [said for said in warnings if "release_channel" in said]
    assert sentence.startswith("cluster.release_channel: nobody has checked whether Istio 1.31.4 runs on")
    assert " ".join(answer.split())[:60] in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("answer", [{}, {"releaseChannelDefaultVersion": {}, "validMasterVersions": []}])
def test_an_empty_answer_judges_nothing(warnings: list[str], answer: dict[str, Any]) -> None:
    recorded = answered(answer)
    assert recorded.error is None
    assert the(recorded, CLUSTER)


def test_versions_that_istio_does_not_run_on_stop_the_program(warnings: list[str]) -> None:
    recorded = answered(
        {"releaseChannelDefaultVersion": {"REGULAR": "1.29.9-gke.1"}, "validMasterVersions": ["1.29.9-gke.1"]}
    )
    assert recorded.error is not None
    assert "cluster.release_channel: is Kubernetes 1.29.9-gke.1, and Istio 1.31.4 runs on" in recorded.error


def test_without_credentials_nobody_is_asked() -> None:
    assert the(registered(), CLUSTER)
