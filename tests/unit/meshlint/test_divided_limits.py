"""MCP806 over a limit that one patch inserts and others add to: they are one configuration, and judged as one."""

from __future__ import annotations

from typing import Any

import pytest

import meshlint
from meshlint.environment import Environment
from tests.unit.meshlint.mutation.meshes import TODAY

pytestmark = pytest.mark.unit

ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
WHOLE: dict[str, Any] = {
    "stat_prefix": "limit",
    "filter_enabled": ALWAYS,
    "filter_enforced": ALWAYS,
    "max_dynamic_descriptors": 100,
}
BUCKET = {"max_tokens": 5, "tokens_per_fill": 5, "fill_interval": "60s"}
OF_ADDRESS: dict[str, Any] = {"rate_limits": [{"actions": [{"masked_remote_address": {"v4_prefix_mask_len": 32}}]}]}
FOR_ADDRESS: dict[str, Any] = {"descriptors": [{"entries": [{"key": "masked_remote_address"}], "token_bucket": BUCKET}]}
FOR_NOTHING: dict[str, Any] = {"descriptors": [{"entries": [{"key": "plan", "value": "pro"}], "token_bucket": BUCKET}]}


def patch(name: str, operation: str, gateway: str = "ingressgateway", **fields: Any) -> dict[str, Any]:
    message = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
    anchor = "envoy.filters.http.router" if operation == "INSERT_BEFORE" else "envoy.filters.http.local_ratelimit"
    network_filter = {"name": "envoy.filters.network.http_connection_manager", "subFilter": {"name": anchor}}
    value = {"name": "envoy.filters.http.local_ratelimit", "typed_config": {"@type": message, **fields}}
    spec = {
        "priority": 10,
        "workloadSelector": {"labels": {"istio": gateway}},
        "configPatches": [
            {
                "applyTo": "HTTP_FILTER",
                "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": network_filter}}},
                "patch": {"operation": operation, "value": value},
            }
        ],
    }
    metadata = {"name": name, "namespace": "istio-ingress"}
    return {"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": metadata, "spec": spec}


def judged(*objects: dict[str, Any], whole_mesh: bool = True) -> list[str]:
    report = meshlint.run(list(objects), today=TODAY, environment=Environment(whole_mesh=whole_mesh))
    return [found.message for found in report.findings if found.code == "MCP806"]


def test_what_one_patch_counts_another_may_limit() -> None:
    assert not judged(patch("a", "INSERT_BEFORE", **WHOLE, **OF_ADDRESS), patch("b", "MERGE", **FOR_ADDRESS))
    assert not judged(patch("a", "INSERT_BEFORE", **WHOLE, **FOR_ADDRESS), patch("b", "MERGE", **OF_ADDRESS))


def test_what_is_added_needs_no_more_than_it_adds() -> None:
    first = patch("a", "INSERT_BEFORE", **WHOLE, **OF_ADDRESS, **FOR_ADDRESS)
    assert not judged(first, patch("b", "MERGE", **OF_ADDRESS, **FOR_ADDRESS))


def test_a_descriptor_that_is_added_and_that_no_patch_fills_is_named() -> None:
    first = patch("a", "INSERT_BEFORE", **WHOLE, **OF_ADDRESS, **FOR_ADDRESS)
    [message] = judged(first, patch("b", "MERGE", **FOR_NOTHING))
    assert "waits for plan, which no action produces" in message


def test_what_is_added_at_another_gateway_helps_nobody_here() -> None:
    other = patch("b", "MERGE", gateway="other", **FOR_ADDRESS)
    found = judged(patch("a", "INSERT_BEFORE", **WHOLE, **OF_ADDRESS), other)
    assert any("for which no descriptor has a limit" in message for message in found)


def test_an_addition_alone_is_not_judged() -> None:
    alone = patch("b", "MERGE", **FOR_NOTHING)
    assert not judged(alone, whole_mesh=False)
    assert not judged(patch("b", "MERGE", **OF_ADDRESS), whole_mesh=False)


def test_a_filter_that_nothing_is_added_to_is_judged_alone() -> None:
    found = judged(patch("a", "INSERT_BEFORE", **WHOLE, **OF_ADDRESS))
    assert any("for which no descriptor has a limit" in message for message in found)
