"""A host under maintenance: one answer for everything, behind the guards, and nothing else changes."""

from __future__ import annotations

import pytest

from chatgpt_mesh.mesh.build import Mesh
from meshlint.reachability.matrix import FOREIGN
from meshlint.reachability.request import Outcome
from tests.unit.mesh.stack import asked, manifest, mesh, mistakes

HOST = "VirtualService/chatgpt-production/chatgpt-mcp"
BESIDE = "{routes: [{exact: /health, auth: none}, {prefix: /api/}]"
CLOSED = BESIDE + ', maintenance: {body: "Back soon.", retry_after: 90s}}'


def objects(built: Mesh) -> dict[str, object]:
    return {owned.resource.key: owned.resource.to_dict() for owned in built.objects}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/mcp", "/health", "/api/x", "/.well-known/oauth-protected-resource"])
def test_every_path_and_method_answers_503(path: str, method: str):
    found = asked(mesh(CLOSED), path, method)
    assert (found.outcome, found.status) == (Outcome.DENIED, 503)


def test_the_answer_says_what_and_until_when():
    route = manifest(mesh(CLOSED), HOST)["http"][0]
    assert route["directResponse"] == {"status": 503, "body": {"string": "Back soon."}}
    assert route["headers"]["response"]["set"] == {
        "content-type": "text/plain; charset=utf-8",
        "retry-after": "90",
        "cache-control": "no-store",
    }


def test_pages_of_declared_origins_may_read_it():
    built = mesh(CLOSED.replace("{routes", '{cors: {origins: ["https://chatgpt.com"]}, routes'))
    first, everybody, *_ = manifest(built, HOST)["http"]
    assert first["headers"]["response"]["set"]["access-control-allow-origin"] == "%REQ(ORIGIN)%"
    assert "match" not in everybody


def test_what_the_gateway_refuses_it_still_refuses():
    built = mesh(CLOSED)
    assert asked(built, "/mcp", headers={"origin": "https://evil.example.net"}).status == 403
    assert asked(built, "/mcp", token=FOREIGN).status == 401


def test_nothing_but_the_one_route_comes_and_goes():
    """What guards the other routes is there when the host opens again."""
    before, during = objects(mesh(BESIDE + "}")), objects(mesh(CLOSED))
    assert {key for key in before if before[key] != during.get(key)} == {HOST}
    assert manifest(mesh(CLOSED), HOST)["http"][1:] == manifest(mesh(BESIDE + "}"), HOST)["http"]


def test_further_hosts_are_closed_too_and_redirects_go_on():
    app = "{maintenance: {}, further_hosts: [{host: a.example.com, gateway: public}"
    built = mesh(app + ", {host: b.example.com, gateway: public, redirect: 308}]}")
    assert asked(built, "/mcp", host="a.example.com").status == 503
    assert asked(built, "/mcp", host="b.example.com").status == 308


@pytest.mark.parametrize(
    ("app", "beginning"),
    [
        ("{host: null, gateway: null, mcp: null, auth: null, maintenance: {}}", "maintenance: is for the app's hosts"),
        (
            "{versions: {v1: {}}, rollout: {stable: v1, managed_by: flagger}, maintenance: {}}",
            "maintenance: needs the routes",
        ),
    ],
)
def test_where_it_would_do_nothing_it_is_refused(app: str, beginning: str):
    [sentence] = mistakes(app)
    assert sentence.startswith(f"apps.chatgpt-mcp.{beginning}")
