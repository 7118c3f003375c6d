"""`/mcp` and `/mcp/` as one endpoint, where it is declared: what holds for one spelling holds for the other."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from meshlint.reachability.matrix import good_token
from meshlint.reachability.request import Outcome, Token
from tests.unit.mesh.stack import asked, manifest, mesh, mistakes, routes, seen

SAME = """
mcp: {trailing_slash: same}
versions: {v1: {}, v2: {}}
rollout: {stable: v1, canary: {version: v2, percent: 50, pin: {header: x-pin, allowed: anyone}}}
auth:
  scopes: [use]
  claims: {role: [user]}
  tools: {execute_sql: {scope: execute}}
  anonymous: {tools: [search]}
cors: {origins: ["https://chatgpt.com"]}
rate_limit: {per: subject, requests: 60, every: 60s, tools: {execute_sql: 5}}
callers: [{service_account: front}]
"""
FRONT = "{front: {namespace: chatgpt-production}}"
HOST = "chatgpt-mcp.example.com"
CLAIMS = {"iss": "https://auth.example.com", "aud": f"https://{HOST}/mcp", "sub": "u", "exp": 1, "role": "user"}


def token(**claims: Any) -> Token:
    return Token({**CLAIMS, "scope": "use", **claims})


QUESTIONS: dict[str, dict[str, Any]] = {
    "no token": {},
    "no token, listed call": {"call": "tools/call search"},
    "no token, guarded tool": {"call": "tools/call execute_sql"},
    "a good token": {"token": token()},
    "a guarded tool": {"token": token(), "call": "tools/call execute_sql"},
    "a guarded tool with its scope": {"token": token(scope="use execute"), "call": "tools/call execute_sql"},
    "a body that is not read": {"token": token(), "call": ""},
    "without the scope": {"token": token(scope="other")},
    "without the claim": {"token": token(role="guest")},
    "another audience": {"token": token(aud="https://other.example.com")},
    "the audience with a slash": {"token": token(aud=f"https://{HOST}/mcp/")},
    "a foreign origin": {"token": token(), "headers": {"origin": "https://evil.example"}},
    "a session": {"token": token(), "headers": {"mcp-session-id": "a~v2~10.0.0.1:8080"}},
    "a session that nobody began": {"token": token(), "headers": {"mcp-session-id": "a"}},
    "a pin": {"token": token(), "headers": {"x-pin": "true"}},
    "another method": {"token": token(), "method": "PUT"},
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_both_spellings_are_answered_alike(question: str):
    asks = {"method": "POST", **QUESTIONS[question]}
    bare, slashed = (asked(mesh(SAME, FRONT), path, **asks) for path in ("/mcp", "/mcp/"))
    assert (bare.outcome, bare.status, bare.shares) == (slashed.outcome, slashed.status, slashed.shares)
    assert slashed.status != 404 or question == "a session that nobody began", slashed


def test_unless_it_is_declared_the_other_spelling_is_no_path():
    assert asked(mesh(), "/mcp/", "POST").status == 404
    built = mesh()
    assert asked(built, "/mcp/", "POST", token=good_token(seen(built), HOST)).status == 404


@pytest.mark.parametrize("path", ["/mcp//", "/mcp/x", "/MCP/", "/mcp;/", "/mcp%2f", "/mcpx/"])
def test_no_third_spelling_leads_to_it(path: str):
    assert asked(mesh(SAME, FRONT), path, "POST", token=token()).outcome is Outcome.DENIED


def test_the_app_sees_the_declared_spelling():
    leading = [route for route in routes(mesh(SAME, FRONT)).values() if route.get("route") and "corsPolicy" in route]
    assert leading
    assert all(route["rewrite"] == {"uri": "/mcp"} for route in leading)


def test_callers_in_the_mesh_may_use_both_and_the_app_sees_one():
    built = mesh(SAME, FRONT)
    found = routes(built, "VirtualService/chatgpt-production/chatgpt-mcp-mesh")
    assert found["mcp"]["match"][0]["uri"] == {"regex": "/mcp/?"}
    assert found["mcp"]["rewrite"] == {"uri": "/mcp"}
    _, rule = manifest(built, "AuthorizationPolicy/chatgpt-production/chatgpt-mcp-callers")["rules"]
    assert [to["operation"]["paths"] for to in rule["to"]] == [["/mcp"]]


def test_the_resource_is_the_one_without_the_slash_and_its_metadata_are_at_both():
    for path in ("/mcp", "/mcp/"):
        route = routes(mesh(f"mcp: {{path: {path}, trailing_slash: same}}"))["metadata"]
        paths = [
            match["uri"]["exact"].removeprefix("/.well-known/oauth-protected-resource") for match in route["match"]
        ]
        assert sorted(paths) == ["", "/mcp", "/mcp/"]
        assert json.loads(route["directResponse"]["body"]["string"])["resource"] == f"https://{HOST}/mcp"


def test_a_limit_of_a_tool_counts_both():
    patterns = re.findall(
        r'"regex": "(/mcp[^"]*)"', json.dumps([o.resource.to_dict() for o in mesh(SAME, FRONT).objects])
    )
    counted = {pattern.replace("\\\\", "\\") for pattern in patterns if "?.*" in pattern}
    assert counted
    assert all(re.fullmatch(pattern, path) for pattern in counted for path in ("/mcp", "/mcp/", "/mcp/?x=1"))


def test_what_it_contradicts_is_said():
    assert mistakes('{mcp: {path: "/", trailing_slash: same}}') == [
        "apps.chatgpt-mcp.mcp.trailing_slash: has no other spelling to take in, since the path is '/'; remove it"
    ]
    (taken,) = mistakes("{mcp: {trailing_slash: same}, routes: [{exact: /mcp/, redirect: {path: /mcp}}]}")
    assert taken.startswith("apps.chatgpt-mcp.routes.0.exact: mcp.trailing_slash: same has this path already")
    (second,) = mistakes("{routes: [{exact: /mcp/}]}")
    assert "or for a '/' at its end declare mcp.trailing_slash: same" in second
    flagger = "{versions: {v1: {}}, rollout: {stable: v1, managed_by: flagger}, mcp: {trailing_slash: same}}"
    assert any("mcp.trailing_slash: is decided by routes, and flagger" in said for said in mistakes(flagger))
