"""What Pulumi keeps encrypted in the configuration is encrypted in the state too, and shown nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from tests.program.recorded_program import Recorded, run
from tests.surroundings import own_layer, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.program

CANARY = "canary-4711"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi's wire format marks a mapping as a wrapped value."""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path / "machine"):
        yield


def in_clear(value: Any) -> list[str]:
    """Every text with the canary that is not wrapped as a secret."""
    if isinstance(value, dict):
        if SECRET_SIGNATURE in value:
            return []
        return [text for item in value.values() for text in in_clear(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in in_clear(item)]
    return [value] if isinstance(value, str) and CANARY in value else []


def anywhere(recorded: Recorded) -> bool:
    return any(CANARY in json.dumps(resource.inputs, default=str) for resource in recorded.resources)


def with_header(secret: tuple[str, ...]) -> Recorded:
    own = own_layer("staging")
    mcp = own["apps"]["chatgpt-mcp"]
    api = {"prefix": "/api/v1/", "to": {"app": "chatgpt-api"}, "methods": ["GET", "POST"]}
    route = {"exact": "/health", "auth": "none", "headers": {"request": {"set": {"x-upstream-key": CANARY}}}}
    apps = {**own["apps"], "chatgpt-mcp": {**mcp, "routes": [api, route]}}
    return run("staging", {**own, "apps": apps}, secret=secret)


def test_the_canary_sings_where_nothing_is_secret() -> None:
    recorded = with_header(secret=())
    assert recorded.error is None
    assert any(in_clear(resource.inputs) for resource in recorded.resources)


def test_a_secret_text_is_wrapped_in_every_input() -> None:
    recorded = with_header(secret=("apps",))
    assert recorded.error is None
    assert anywhere(recorded)
    assert [text for resource in recorded.resources for text in in_clear(resource.inputs)] == []


def test_a_secret_in_the_control_planes_environment_is_wrapped() -> None:
    own = own_layer("staging")
    plane = {**own["istio"]["control_plane"], "environment": {"LICENSE_KEY": CANARY}}
    recorded = run("staging", {**own, "istio": {**own["istio"], "control_plane": plane}}, secret=("istio",))
    assert recorded.error is None
    assert anywhere(recorded)
    assert [text for resource in recorded.resources for text in in_clear(resource.inputs)] == []


def test_an_output_with_a_secret_is_a_secret_output() -> None:
    own = own_layer("staging")
    recorded = run("staging", {**own, "trust_domain": f"{CANARY}.local"}, secret=("trust_domain",))
    assert recorded.error is None
    assert isinstance(recorded.exports["trust_domain"], pulumi.Output)
    assert in_clear(recorded.exports["trust_domain"]) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("trust_domain", {"not": [CANARY]}),
        ("istio", {"version": CANARY}),
        ("apps", {"chatgpt-mcp": {"host": f"{CANARY}.example.org"}}),
        ("objects", [{"apiVersion": "networking.istio.io/v1", "kind": CANARY, "metadata": {"name": "a"}}]),
    ],
)
def test_no_sentence_shows_a_secret(setting: str, value: Any) -> None:
    recorded = run("staging", {**own_layer("staging"), setting: value}, secret=(setting,))
    assert recorded.resources == []
    assert recorded.error is not None
    assert CANARY not in recorded.error


def test_no_warning_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: said.append(text))
    own = own_layer("staging")
    few = {"namespace": CANARY, "service": {"port": 80}, "mcp": {}, "resilience": {"pool": {"open_streams": 9}}}
    warned = {**own, "apps": {**own["apps"], "reports": few}}
    recorded = run("staging", warned, secret=("apps",))
    assert recorded.error is None
    assert any("open_streams" in sentence for sentence in said), said
    assert not [sentence for sentence in said if CANARY in sentence]


def told_people(secret: tuple[str, ...]) -> Recorded:
    """A stack whose app, tag and login have the canary, with everything that shows people the mesh.

    Names of namespaces have none: they are names of resources, which Pulumi shows to everybody.
    """
    own = own_layer("staging")
    app = {"namespace": "reports", "service": {"port": 80}, "mcp": {}, "open": True}
    login = {"issuer": f"https://{CANARY}.example.com", "client_id": CANARY, "groups": [CANARY]}
    openid = {"issuer": "https://sso.example.com", "client_id": CANARY}
    seen = {
        "kiali": {"version": "2.21.0", "login": "openid", "openid": openid},
        "prometheus": {"version": "27.19.0", "alertmanager": f"{CANARY}.monitoring:9093"},
        "grafana": {"namespace": "people", "install": {"version": "9.3.0", "admin_secret": CANARY}},
        "alerts": {"format": "prometheus", "namespace": None, "labels": {}},
        "collector": {"version": "0.158.3", "endpoint": f"https://{CANARY}.example.com:4317"},
        "login": login,
    }
    metrics = {"metrics": {"proxies": True, "tags": {"tier": {"header": "x-tier", "values": [CANARY]}}}}
    telemetry = {**own.get("telemetry", {}), **metrics}
    settings = {"apps": {**own["apps"], CANARY: app}, "telemetry": telemetry, "observability": seen}
    return run("staging", {**own, **settings}, secret=secret)


def test_a_secret_is_wrapped_in_dashboards_alerts_charts_and_the_login() -> None:
    clear = told_people(())
    assert clear.error is None
    shown = [one for one in clear.resources if in_clear(one.inputs)]
    kinds = {str(one.type).rpartition(":")[2] for one in shown}
    assert {"Chart", "ConfigMap", "Deployment"} <= kinds, kinds
    hidden = told_people(("apps", "telemetry", "observability"))
    assert hidden.error is None
    assert anywhere(hidden)
    assert [text[:200] for one in hidden.resources for text in in_clear(one.inputs)] == []
