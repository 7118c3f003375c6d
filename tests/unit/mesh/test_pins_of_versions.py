"""Versions that are reachable by a mark of their own, beside weights and experiments."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.mesh.build import Mesh
from tests.unit.mesh.stack import manifest, mesh, mistakes, routes

HOST = "VirtualService/chatgpt-production/chatgpt-mcp"
PIN = "{header: x-version, value: '%s', allowed: %s}"


def app(allowed: str = "anyone", more: str = "") -> str:
    versions = ", ".join(f"v{number}: {{pin: {PIN % (number, allowed)}}}" for number in (1, 2, 3))
    experiment = "experiments: {acme: {version: v3, claim: {name: org, values: [acme]}}}"
    canary = "canary: {version: v2, percent: 10, pin: {header: x-canary, allowed: anyone}}"
    return f"{{versions: {{{versions}}}, rollout: {{stable: v1, {canary}, {experiment}}}{more}}}"


def leading(built: Mesh, key: str, header: str) -> dict[str, set[str]]:
    """Versions that a value of a header leads to."""
    found: dict[str, set[str]] = {}
    for route in manifest(built, key)["http"]:
        for match in route.get("match", []):
            if (value := match.get("headers", {}).get(header)) is not None:
                subsets = {share["destination"]["subset"] for share in route["route"]}
                found.setdefault(value["exact"], set()).update(subsets)
    return found


@pytest.mark.parametrize("key", [HOST, f"{HOST}-mesh"])
def test_each_value_leads_to_its_version_alone(key: str):
    built = mesh(app(more=", routes: [{exact: /a, auth: none}]"))
    assert leading(built, key, "x-version") == {"1": {"v1"}, "2": {"v2"}, "3": {"v3"}}
    assert leading(built, key, "x-canary") == {"true": {"v2"}}


def test_pins_come_before_experiments_and_weights_and_are_no_way_around_a_token():
    built = mesh(app())
    names = [route["name"].removeprefix("chatgpt-mcp.") for route in manifest(built, HOST)["http"]]
    tried = [name for name in names if name == "mcp" or name.startswith(("mcp.pinned", "mcp.experiment"))]
    assert tried == ["mcp.pinned", "mcp.pinned-v1", "mcp.pinned-v2", "mcp.pinned-v3", "mcp.experiment-acme", "mcp"]
    match: dict[str, Any] = routes(built)["mcp.pinned-v3"]["match"][0]
    assert "@request.auth.claims[sub]" in match["headers"]
    assert "x-mcp-exp" in match["headers"], "nor around its end"


def test_for_callers_gateways_take_the_header_away():
    built = mesh(app("callers"))
    assert leading(built, HOST, "x-version") == {}
    assert routes(built)["mcp"]["headers"]["request"]["remove"] == ["x-version"]
    assert leading(built, f"{HOST}-mesh", "x-version") == {"1": {"v1"}, "2": {"v2"}, "3": {"v3"}}


@pytest.mark.parametrize(
    ("pin", "beginning"),
    [
        ("{header: x-version, value: '1', allowed: anyone}", "v2.pin.value: leads to v1 already, by versions.v1.pin"),
        ("{header: x-version, value: '2'}", "v2.pin.allowed: is anyone for this header in versions.v1.pin"),
        ("{value: '2'}", "v2.pin: needs exactly one of header and cookie"),
        ("{cookie: a, value: 'a;b'}", "v2.pin.value: must not hold ';'"),
    ],
)
def test_marks_that_contradict_each_other_are_refused(pin: str, beginning: str):
    versions = f"{{v1: {{pin: {PIN % (1, 'anyone')}}}, v2: {{pin: {pin}}}}}"
    [sentence] = mistakes(f"{{versions: {versions}, rollout: {{stable: v1}}}}")
    assert sentence.startswith(f"apps.chatgpt-mcp.versions.{beginning}")


def test_flagger_knows_none():
    app = "{versions: {v1: {pin: {header: x-v}}}, rollout: {stable: v1, managed_by: flagger}}"
    [sentence] = mistakes(app)
    assert sentence.startswith("apps.chatgpt-mcp.versions.v1.pin: flagger decides the routes")
