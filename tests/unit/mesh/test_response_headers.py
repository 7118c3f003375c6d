"""Headers of every answer of a host: of its routes, of what the gateway answers itself, and of nobody else's host."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chatgpt_mesh.mesh.build import Mesh
from tests.unit.mesh.stack import manifest, mesh, mistakes

HOST = "VirtualService/chatgpt-production/chatgpt-mcp"
HSTS = "strict-transport-security"
APP = f"""
response_headers: {{set: {{{HSTS}: max-age=31536000, x-frame-options: DENY}}, remove: [server]}}
further_hosts: [{{host: old.example.com, gateway: public, redirect: 301}}]
routes:
  - {{exact: /health, auth: none}}
  - {{exact: /ui, auth: none, headers: {{response: {{set: {{x-frame-options: SAMEORIGIN}}, remove: [x-b]}}}}}}
  - {{exact: /robots.txt, respond: {{status: 200, body: a}}}}
  - {{exact: /old, redirect: {{path: /ui}}}}
"""


def answers(built: Mesh, key: str = HOST) -> dict[str, dict[str, Any]]:
    return {route["name"]: route["headers"]["response"] for route in manifest(built, key)["http"]}


def mappers(built: Mesh) -> list[dict[str, Any]]:
    patches = manifest(built, "EnvoyFilter/istio-ingress/public-http")["configPatches"]
    [patch] = [patch for patch in patches if patch["applyTo"] == "NETWORK_FILTER"]
    return patch["patch"]["value"]["typed_config"]["local_reply_config"]["mappers"]


def test_every_route_of_every_host_writes_them():
    built = mesh(APP)
    found = answers(built) | answers(built, f"{HOST}-old-example-com")
    assert len(found) > 10
    assert {one["set"][HSTS] for one in found.values()} == {"max-age=31536000"}
    assert all("server" in one["remove"] for one in found.values())


def test_what_a_route_says_holds():
    found = answers(mesh(APP))
    assert found["chatgpt-mcp.ui"]["set"]["x-frame-options"] == "SAMEORIGIN"
    assert found["chatgpt-mcp.ui"]["remove"] == ["x-b", "server"]
    assert found["chatgpt-mcp.health"]["set"]["x-frame-options"] == "DENY"
    taken_away = mesh(f"""
    response_headers: {{set: {{{HSTS}: a}}}}
    routes: [{{exact: /a, headers: {{response: {{remove: [{HSTS}]}}}}}}]
    """)
    assert HSTS not in answers(taken_away)["chatgpt-mcp.a"].get("set", {})


def test_challenges_keep_what_they_say():
    found = answers(mesh(APP))
    assert found["chatgpt-mcp.mcp.no-token"]["set"]["www-authenticate"].startswith("Bearer ")
    assert found["chatgpt-mcp.mcp.no-token"]["set"][HSTS] == "max-age=31536000"


def test_the_gateways_own_answers_get_them_whatever_the_status():
    *_, last = mappers(mesh(APP))
    pattern = last["filter"]["header_filter"]["header"]["string_match"]["safe_regex"]["regex"]
    hosts = ("chatgpt-mcp.example.com", "CHATGPT-MCP.example.com:443", "old.example.com")
    assert all(re.fullmatch(pattern, host) for host in hosts)
    assert not re.fullmatch(pattern, "other.example.com")
    assert last["headers_to_add"][0] == {
        "header": {"key": HSTS, "value": "max-age=31536000"},
        "append_action": "ADD_IF_ABSENT",
    }


def test_the_401_of_a_bad_token_has_both():
    """Of several mappers only the first that takes an answer does anything."""
    first, *_ = mappers(mesh(APP))
    assert [one["header"]["key"] for one in first["headers_to_add"]] == ["www-authenticate", HSTS, "x-frame-options"]


def test_other_hosts_and_callers_in_the_mesh_have_none():
    other = "{other: {namespace: o, host: o.example.com, gateway: public, service: {port: 1}, mcp: {}, open: true}}"
    built = mesh(APP, others=other)
    assert HSTS not in str(manifest(built, "VirtualService/o/other"))
    assert HSTS not in str(manifest(built, f"{HOST}-mesh"))


@pytest.mark.parametrize(
    ("app", "beginning"),
    [
        ("{response_headers: {set: {www-authenticate: a}}}", "response_headers.set: belongs to one answer"),
        ("{response_headers: {remove: [mcp-session-id]}}", "response_headers.remove: belongs to one answer"),
        ("{response_headers: {set: {access-control-allow-origin: a}}}", "response_headers.set: says which pages"),
        (
            "{host: null, gateway: null, mcp: null, auth: null, response_headers: {set: {x-a: b}}}",
            "response_headers: are headers of answers of the app's hosts",
        ),
        (
            "{versions: {v1: {}}, rollout: {stable: v1, managed_by: flagger}, response_headers: {set: {x-a: b}}}",
            "response_headers: need the routes of the host",
        ),
    ],
)
def test_where_they_would_be_wrong_they_are_refused(app: str, beginning: str):
    [sentence] = mistakes(app)
    assert sentence.startswith(f"apps.chatgpt-mcp.{beginning}")
