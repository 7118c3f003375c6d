"""A web UI for every other path of an MCP host: the MCP path, and all that could be read as it, never falls to it."""

from __future__ import annotations

import re

import pytest

from meshlint.reachability.matrix import good_token
from meshlint.reachability.request import Outcome
from tests.unit.mesh.stack import asked, manifest, mesh, routes, seen

APP = "{routes: [{prefix: /, auth: none, methods: [GET, POST]}, {exact: /mcp/health, auth: none}]}"
AROUND = [
    *("/mcp/", "/mcp/x", "/MCP", "/Mcp/", "//mcp", "/mcp//", "/mcp.json", "/mcp;x", "/mcp%2f", "/mcp%2fx", "/mcp%20"),
    *("/mcp%09", "/mcp%3fa", "/mcp%23", "/mcp,x", "/mcp:x", "/mcp~", "/%2fmcp", "/x/..%2fmcp", "/mcp\\x", "/mcp%5cx"),
    *("/.%2fmcp", "/mcp%00", "/mcp@", "/mcp=", "/mcp&a=b", "/MCP%2E"),
]
"""Ways in which some server or other would take a path for /mcp."""
RESOLVED = ["/./mcp", "/x/../mcp", "/%6dcp", "/%6Dc%70", "/mcp?x=/ui"]
"""Paths that the proxy itself reads as /mcp."""


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", AROUND)
def test_no_way_around_leads_to_the_ui(path: str, method: str):
    found = asked(mesh(APP), path, method)
    assert found.outcome is Outcome.DENIED, found
    assert found.status in (400, 404), found


@pytest.mark.parametrize("path", [*RESOLVED, "/mcp"])
def test_the_path_itself_asks_for_its_token_and_knows_its_methods(path: str):
    built = mesh(APP)
    assert asked(built, path, "POST").status == 401
    assert asked(built, path, "PUT").status == 405
    assert asked(built, path, "HEAD").status == 405
    token = good_token(seen(built), "chatgpt-mcp.example.com")
    assert asked(built, path, "POST", token=token).outcome is Outcome.ALLOWED


@pytest.mark.parametrize("path", ["/", "/index.html", "/mcpx", "/mcp-guide", "/assets/mcp/x.js", "/mc", "/api/v1"])
def test_everything_else_is_the_uis_and_asks_for_nothing(path: str):
    assert asked(mesh(APP), path).outcome is Outcome.ALLOWED
    assert asked(mesh(APP), path, "DELETE").status == 405


def test_where_proxies_do_not_normalize_an_encoded_letter_is_no_way_around():
    pattern = routes(mesh(APP))["beside-mcp"]["match"][0]["uri"]["regex"]
    assert all(re.fullmatch(pattern, path) for path in ("/%6dcp", "/%4Dcp", "/m%63p/x", "/%2fmcp", "/%6D%43%70"))


def test_what_was_declared_by_its_name_stays():
    built = mesh(APP)
    assert asked(built, "/mcp/health").outcome is Outcome.ALLOWED
    names = [route["name"] for route in manifest(built, "VirtualService/chatgpt-production/chatgpt-mcp")["http"]]
    assert names.index("chatgpt-mcp.mcp-health") < names.index("chatgpt-mcp.beside-mcp")


@pytest.mark.parametrize(
    "path", ["/.well-known/oauth-protected-resource/x", "/.well-known/oauth-protected-resource.json"]
)
def test_the_metadata_is_the_programs_alone(path: str):
    assert asked(mesh(APP), path).status == 404
    assert asked(mesh(APP), "/.well-known/oauth-protected-resource").outcome is Outcome.ALLOWED


def test_the_mcp_path_of_another_app_is_not_reached_by_a_prefix_either():
    other = """{ui: {namespace: ui, host: ui.example.com, gateway: public, service: {port: 1},
                     routes: [{prefix: /, to: {app: chatgpt-mcp}}]}}"""
    built = mesh(others=other)
    assert asked(built, "/mcp", "GET", "ui.example.com").status == 404
    assert asked(built, "/a", "GET", "ui.example.com").outcome is Outcome.ALLOWED


def test_callers_in_the_mesh_get_the_mcp_path_by_its_own_route():
    names = [
        route["name"] for route in manifest(mesh(APP), "VirtualService/chatgpt-production/chatgpt-mcp-mesh")["http"]
    ]
    assert names[0] == "chatgpt-mcp.mcp"
