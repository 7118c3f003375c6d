"""B18: the pin leads to the canary, always; where only callers in the mesh may pin, a client outside cannot."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.rollout import CanaryConfig
from lab.workloads.recorder import TEST_ID_HEADER
from lab.workloads.request import Request, send_kept_alive
from tests.lab.running_lab import JSON_RPC_HEADERS, RunningLab, fails, new_id

REQUESTS = 100


@pytest.fixture
def canary(lab: RunningLab) -> CanaryConfig:
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    if rollout is None or rollout.canary is None or rollout.canary.pin is None:
        pytest.skip("this stack declares no pin (rollout.canary.pin)")
    return rollout.canary


def pin_headers(canary: CanaryConfig) -> dict[str, str]:
    assert canary.pin is not None
    if canary.pin.header:
        return {canary.pin.header: canary.pin.value}
    return {"cookie": f"{canary.pin.cookie}={canary.pin.value}"}


def from_outside(lab: RunningLab, canary: CanaryConfig) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Which versions answered pinned requests through the gateway, and what the pods saw of them."""
    test_id = new_id("pin")
    request = lab.call(
        "ping", token=lab.token(subject=test_id), headers={**pin_headers(canary), TEST_ID_HEADER: test_id}
    )
    replies = send_kept_alive([request] * REQUESTS, connections=4)
    assert {reply.status for reply in replies} == {200}, Counter(map(str, replies)).most_common(3)
    return Counter(reply.header("x-app-version") for reply in replies), lab.seen(test_id)


def check_outside(lab: RunningLab, canary: CanaryConfig) -> None:
    versions, seen = from_outside(lab, canary)
    assert canary.pin is not None
    if canary.pin.allowed == "anyone":
        assert versions == {canary.version: REQUESTS}, versions
        return
    # a share of `percent`, as for everybody: all 100 at the canary would mean that the pin works
    assert versions[canary.version] < REQUESTS / 2, versions
    if canary.pin.header:
        assert not any(canary.pin.header in request["headers"] for request in seen), "the header reached the app"


def check_callers(lab: RunningLab, canary: CanaryConfig) -> None:
    request = Request(
        url=f"http://chatgpt-mcp.{lab.namespace}:8080/mcp",
        method="POST",
        headers={**JSON_RPC_HEADERS, **pin_headers(canary)},
        body='{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
    )
    replies = lab.pod(lab.namespace, "chatgpt-frontend").send(*[request] * 20)
    versions = Counter(reply.header("x-app-version") or str(reply) for reply in replies)
    assert versions == {canary.version: 20}, versions


def test_a_client_outside_pins_only_where_that_is_declared(lab: RunningLab, canary: CanaryConfig) -> None:
    check_outside(lab, canary)


def test_a_caller_in_the_mesh_pins(lab: RunningLab, canary: CanaryConfig) -> None:
    check_callers(lab, canary)


def test_it_is_the_pinned_route_that_leads_to_the_canary(lab: RunningLab, canary: CanaryConfig) -> None:
    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp-mesh", _without_pinned_routes), fails():
        check_callers(lab, canary)


def test_it_is_the_gateways_route_that_decides_for_clients(lab: RunningLab, canary: CanaryConfig) -> None:
    assert canary.pin is not None
    edit = _without_pinned_routes if canary.pin.allowed == "anyone" else _trusting(canary)
    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", edit), fails():
        check_outside(lab, canary)


def _without_pinned_routes(service: dict[str, Any]) -> None:
    service["spec"]["http"] = [route for route in service["spec"]["http"] if not route["name"].endswith(".pinned")]


def _trusting(canary: CanaryConfig):
    """The gateway passes the header on instead of removing it."""

    def edit(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            removed = route.get("headers", {}).get("request", {}).get("remove", [])
            if canary.pin and canary.pin.header in removed:
                removed.remove(canary.pin.header)

    return edit
