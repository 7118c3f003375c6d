"""What an edit does to streams and sessions is a warning of the engine's, each once, in a preview too."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from chatgpt_mesh.components.foretelling import Foretelling
from tests.unit.mesh.stack import mesh

pytestmark = pytest.mark.program


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sentences: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", sentences.append)
    return sentences


def hook(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, pulumi.ResourceHookOptions]:
    registered: list[tuple[Any, Any]] = []
    monkeypatch.setattr(pulumi, "ResourceHook", lambda _, call, options: registered.append((call, options)))
    Foretelling(mesh("{longest_call: 120s}")).before_update()
    return registered[0]


def update(kind: str, namespace: str, before: dict[str, Any], after: dict[str, Any]) -> pulumi.ResourceHookArgs:
    old, new = ({"kind": kind, "metadata": {"namespace": namespace}, "spec": spec} for spec in (before, after))
    return pulumi.ResourceHookArgs("urn", "id", f"{kind}/{namespace}/x", "type", new_inputs=new, old_inputs=old)


def test_a_gateway_that_drains_is_said_once_with_its_time(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tell, options = hook(monkeypatch)
    assert options.on_dry_run
    for number in (1, 2):
        tell(update("AuthorizationPolicy", "istio-ingress", {}, {"rules": [number]}))
    assert said == [
        "AuthorizationPolicy/istio-ingress/x: the proxies of istio-ingress take this change as a new listener; streams "
        "that are open there go on for 120s and are cut then"
    ]


def test_sessions_that_end_are_said_once_for_all_hosts(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tell, _ = hook(monkeypatch)
    for namespace in ("a", "b"):
        tell(update("VirtualService", namespace, {"http": [{"name": "web.mcp.session-v1"}]}, {"http": []}))
    assert said == ["apps.web.versions.v1: its open MCP sessions end with this change: 404, and clients begin anew"]


def test_what_cuts_nothing_says_nothing(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tell, _ = hook(monkeypatch)
    tell(update("VirtualService", "a", {"http": [{"name": "web.mcp"}]}, {"http": []}))
    tell(update("EnvoyFilter", "a", {}, {"configPatches": [{"applyTo": "HTTP_ROUTE"}]}))
    tell(update("AuthorizationPolicy", "a", {"rules": []}, {"rules": []}))
    assert said == []
