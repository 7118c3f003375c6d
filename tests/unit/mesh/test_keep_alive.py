"""Idle connections: the proxy lets go before whoever is behind it does."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chatgpt_mesh.mesh.objects import scoping
from chatgpt_mesh.mesh.specs.client_keepalive import ClientKeepaliveSpec
from tests.unit.mesh.declared import APPS, by_key, graph
from tests.unit.mesh.stack import GATEWAYS, manifest, mesh, mistakes


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


def socket_options(gateways: str) -> list[tuple[int, int, int]]:
    patches = manifest(mesh(gateways=gateways), "EnvoyFilter/istio-ingress/public-http")["configPatches"]
    listeners = [patch["patch"]["value"] for patch in patches if patch["applyTo"] == "LISTENER"]
    return [(o["level"], o["name"], o["int_value"]) for found in listeners for o in found["socket_options"]]


def with_keepalive(text: str) -> str:
    return GATEWAYS.replace("kind: public,", f"kind: public, keepalive: {text},")


def test_a_gateway_asks_silent_clients_before_the_load_balancer_forgets_them() -> None:
    assert socket_options(GATEWAYS) == [(1, 9, 1), (6, 4, 120), (6, 5, 30), (6, 6, 4)]
    assert socket_options(with_keepalive("{time: 60s, probes: 2}")) == [(1, 9, 1), (6, 4, 60), (6, 5, 30), (6, 6, 2)]
    assert socket_options(with_keepalive("null")) == []


@pytest.mark.parametrize("time", ["600s", "1.5s", "0.5s"])
def test_too_late_and_what_the_kernel_does_not_take_is_refused(time: str) -> None:
    with pytest.raises(ValidationError):
        ClientKeepaliveSpec.model_validate({"time": time})


def test_an_egress_gateway_has_no_such_clients() -> None:
    found = mistakes(gateways=f"{GATEWAYS}\nout: {{kind: egress, keepalive: {{}}}}")
    assert [sentence.partition(":")[0] for sentence in found] == ["gateways.out.keepalive"]
