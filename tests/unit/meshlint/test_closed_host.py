"""A host that answers 503 to everything is closed for a while; a route below any other catch-all is dead."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import meshlint

pytestmark = pytest.mark.unit


def unreachable(first: dict[str, Any]) -> bool:
    routes = [first, {"match": [{"uri": {"prefix": "/a"}}], "route": [{"destination": {"host": "web"}}]}]
    service = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hosts": ["web"], "http": routes},
    }
    return "MCP103" in {finding.code for finding in meshlint.run([service], today=date(2026, 12, 1)).findings}


def closed(status: int, **headers: str) -> dict[str, Any]:
    return {"directResponse": {"status": status}, "headers": {"response": {"set": headers}}}


def test_a_sign_on_the_door_leaves_the_routes_behind_it_alone() -> None:
    assert not unreachable(closed(503, **{"Retry-After": "90"}))


@pytest.mark.parametrize("first", [closed(503), closed(404, **{"retry-after": "90"}), closed(200)])
def test_any_other_answer_to_everything_makes_them_dead(first: dict[str, Any]) -> None:
    assert unreachable(first)
