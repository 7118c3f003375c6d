"""A changed setting changes what a reviewer expects, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.stack.stack_files import merge
from tests.program.differences import changed
from tests.program.recorded_program import Recorded, run
from tests.surroundings import own_layer, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.program

EGRESS_SIZE = {"workload": own_layer("prod")["gateways"]["egress"]["workload"]}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path / "machine"):
        yield


def prod(change: dict[str, Any] | None = None) -> Recorded:
    recorded = run("prod", merge(own_layer("prod"), change or {}))
    assert recorded.error is None
    return recorded


def test_a_canarys_percent_is_two_weights_in_each_route_that_divides() -> None:
    canary = {"apps": {"chatgpt-mcp": {"rollout": {"canary": {"percent": 10}}}}}
    found = changed(prod(), prod(canary))
    assert found.keys() == {
        "VirtualService/chatgpt-production/chatgpt-mcp",
        "VirtualService/chatgpt-production/chatgpt-mcp-internal-example-com",
        "VirtualService/chatgpt-production/chatgpt-mcp-mesh",
    }
    for paths in found.values():
        assert all(path.startswith("spec.http[") and path.endswith("].weight") for path in paths), paths


def test_a_gateways_replicas_are_its_charts_and_its_share_of_the_limits() -> None:
    found = changed(prod(), prod({"gateways": {"egress": {"workload": {"replicas": {"max": 8}}}}}))
    assert found == {"istio-egress/istio-egressgateway": {"values.autoscaling.maxReplicas"}}


def test_a_sampling_rate_is_one_object() -> None:
    found = changed(prod(), prod({"telemetry": {"tracing": {"sampling_percent": 2}}}))
    assert found == {"Telemetry/istio-system/mesh-default": {"spec.tracing[0].randomSamplingPercentage"}}


def test_the_longest_call_is_the_drain_of_sidecars_and_of_the_gateways_that_carry_it() -> None:
    found = changed(prod(), prod({"apps": {"chatgpt-mcp": {"longest_call": "900s"}}}))
    assert {name: paths for name, paths in found.items() if name.startswith(("istiod", "istio-i"))} == {
        "istiod": {"values.meshConfig.defaultConfig.drainDuration"},
        "istio-ingress/istio-ingressgateway": {"values.terminationGracePeriodSeconds"},
        "istio-internal/istio-internalgateway": {"values.terminationGracePeriodSeconds"},
    }


def test_nothing_changed_changes_nothing() -> None:
    assert changed(prod(), prod()) == {}


def test_another_name_for_a_gateway_keeps_its_pods_and_its_service() -> None:
    """A chart under a new name would find its own objects in the cluster and fail."""
    found = changed(prod(), prod({"gateways": {"egress": None, "out": {"kind": "egress", **EGRESS_SIZE}}}))
    assert found["DestinationRule/istio-egress/out-tunnel"] == {"(new)"}
    assert not {"istio-egress", "istio-egress/istio-egressgateway"} & found.keys()
