"""Idle connections: the proxy lets go before whoever is behind it does."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.mesh.objects import scoping
from tests.unit.mesh.declared import APPS, by_key, graph


def own_sidecar(service: str) -> dict[str, Any]:
    apps = APPS.replace("service: {port: 8080}\n  mcp", f"service: {{port: 8080{service}}}\n  mcp")
    return by_key(scoping.objects(graph(apps=apps)))["Sidecar/chatgpt-production/chatgpt-mcp"]


@pytest.mark.parametrize(
    ("declared", "lets_go"),
    [("", "4s"), (", keep_alive_timeout: 65s", "64s"), (", keep_alive_timeout: 1.001s", "0.5s")],
    ids=["the default is that of uvicorn and Node", "a second before", "half, where that is less"],
)
def test_the_apps_own_sidecar_lets_go_first(declared: str, lets_go: str) -> None:
    assert own_sidecar(declared)["inboundConnectionPool"] == {"http": {"idleTimeout": lets_go}}


def test_an_app_that_closes_nothing_is_left_alone() -> None:
    assert "inboundConnectionPool" not in own_sidecar(", keep_alive_timeout: null")


def test_whoever_has_no_service_has_no_connections_to_close() -> None:
    sidecars = by_key(scoping.objects(graph()))
    assert "inboundConnectionPool" not in sidecars["Sidecar/chatgpt-frontend/chatgpt-frontend"]
