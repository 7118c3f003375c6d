"""Limits of the CRD schemas, checked where a message is made and where it is read."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chatgpt_mesh.istio_api.message import InvalidMessage
from chatgpt_mesh.istio_api.networking import OutlierDetection, ServicePort, TrafficPolicy_RetryBudget, WorkloadEntry
from chatgpt_mesh.istio_api.resource import Resource
from chatgpt_mesh.istio_api.security import ClaimToHeader, JWTRule, PeerAuthentication
from chatgpt_mesh.istio_api.telemetry import Tracing
from chatgpt_mesh.istio_api.type import PolicyTargetReference, WorkloadSelector
from tests.crd_schema import problems


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: ServicePort(number=0, name="x"), "ServicePort.number: must be between 1 and 65535 (given: 0)"),
        (
            lambda: Tracing(random_sampling_percentage=100.5),
            "Tracing.random_sampling_percentage: must be between 0 and 100 (given: 100.5)",
        ),
        (
            lambda: TrafficPolicy_RetryBudget(percent=-1),
            "TrafficPolicy_RetryBudget.percent: must be between 0 and 100 (given: -1)",
        ),
        (
            lambda: OutlierDetection(outlier_detection_http_error_codes=[500, 600]),
            "OutlierDetection.outlier_detection_http_error_codes[1]: must be between 100 and 599 (given: 600)",
        ),
        (
            lambda: PolicyTargetReference(kind="Service", name="x" * 254),
            "PolicyTargetReference.name: must have at most 253 characters (given: 254)",
        ),
        (
            lambda: WorkloadSelector(match_labels={"version": "v" * 64}),
            "WorkloadSelector.match_labels.version: must have at most 63 characters (given: 64)",
        ),
        (
            lambda: WorkloadEntry(labels={str(n): "" for n in range(257)}),
            "WorkloadEntry.labels: must have at most 256 entries (given: 257)",
        ),
        (lambda: JWTRule(issuer=""), "JWTRule.issuer: must not be empty"),
        (
            lambda: ClaimToHeader(claim="sub", header="x user"),
            "ClaimToHeader.header: must match ^[-_A-Za-z0-9]+$ (given: 'x user')",
        ),
    ],
)
def test_a_broken_limit_is_a_sentence(build: Any, sentence: str) -> None:
    with pytest.raises(InvalidMessage, match=f"^{re.escape(sentence)}$"):
        build()


def test_the_bounds_are_allowed() -> None:
    assert [ServicePort(number=n, name="x").number for n in (1, 65535)] == [1, 65535]
    assert [Tracing(random_sampling_percentage=p).random_sampling_percentage for p in (0, 100)] == [0, 100]


def test_an_empty_map_is_unset_whatever_its_shortest_length() -> None:
    assert PeerAuthentication(port_level_mtls={}).to_dict() == {}


def test_a_manifest_is_judged_with_its_paths_and_as_the_schema_judges_it() -> None:
    manifest = {
        "apiVersion": "security.istio.io/v1",
        "kind": "RequestAuthentication",
        "metadata": {"name": "jwt", "namespace": "apps"},
        "spec": {"jwtRules": [{"issuer": "", "audiences": ["", "x"]}]},
    }
    with pytest.raises(InvalidMessage) as refused:
        Resource.from_dict(manifest)
    assert refused.value.problems == (
        "spec.jwtRules[0].issuer: must not be empty",
        "spec.jwtRules[0].audiences[0]: must not be empty",
    )
    assert len(problems(manifest)) == 2
