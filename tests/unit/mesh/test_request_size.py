"""The largest body of a request: judged by its length where it says one, held back where it does not."""

from __future__ import annotations

import re

import pytest

from chatgpt_mesh.mesh.objects.request_size import larger_than
from meshlint.reachability.request import Outcome
from tests.unit.mesh.stack import asked, manifest, mesh, mistakes, routes

APP = "{open: true, auth: null, max_request_body: 1Mi, routes: [{exact: /a}, {exact: /b, respond: {status: 200}}]}"
FILTER = "EnvoyFilter/istio-ingress/chatgpt-mcp-request-size"
BUFFER = "envoy.filters.http.buffer"


@pytest.mark.parametrize("number", [1, 9, 10, 99, 1024, 1048576, 999999, 1073741824])
def test_the_expression_takes_exactly_the_larger_numbers(number: int):
    pattern = re.compile(larger_than(number))
    near = {number + step for step in range(-30, 31)} | {0, number * 9, number * 10, number * 100, number // 10}
    for other in (one for one in near if one >= 0):
        for written in (str(other), f"00{other}"):
            assert bool(pattern.fullmatch(written)) is (other > number), written


@pytest.mark.parametrize("path", ["/mcp", "/a", "/b", "/anything"])
def test_a_longer_body_is_answered_413_on_every_path(path: str):
    built = mesh(APP)
    assert asked(built, path, "POST", headers={"content-length": str(2**20 + 1)}).status == 413
    assert asked(built, path, "POST", headers={"content-length": "9" * 30}).status == 413
    assert asked(built, path, "POST", headers={"content-length": str(2**20)}).status != 413


def test_a_body_that_says_its_length_meets_no_buffer():
    built = mesh(APP)
    patched = {
        patch["match"]["routeConfiguration"]["vhost"]["route"]["name"]
        for patch in manifest(built, FILTER)["configPatches"]
    }
    assert patched == {f"chatgpt-mcp.{name}.unsized" for name in ("mcp.session-any", "mcp", "a")}
    assert routes(built)["mcp.unsized"]["match"][0]["withoutHeaders"] == {"content-length": {}}
    assert "withoutHeaders" not in routes(built)["mcp"]["match"][0]
    found = asked(built, "/mcp", "POST", headers={"content-length": "10"})
    assert (found.outcome, found.destination != "") == (Outcome.ALLOWED, True)


def test_one_that_does_not_is_held_up_to_the_size():
    [patch, *_] = manifest(mesh(APP), FILTER)["configPatches"]
    config = patch["patch"]["value"]["typed_per_filter_config"][BUFFER]
    assert config["buffer"] == {"max_request_bytes": 2**20}
    assert asked(mesh(APP), "/mcp", "POST").outcome is Outcome.ALLOWED


def test_whatever_is_not_led_on_is_never_held():
    """Without a token a client could make the gateway hold bodies."""
    built = mesh("{max_request_body: 1Mi}")
    assert [name for name in routes(built) if name.endswith(".unsized")] == ["mcp.session-any.unsized", "mcp.unsized"]
    [match] = routes(built)["mcp.unsized"]["match"]
    assert "@request.auth.claims[sub]" in match["headers"]
    assert "x-mcp-exp" in match["headers"], "a token without an end opens none"


def test_the_filter_lets_every_other_route_pass():
    """It is not disabled in the chain, which Envoy would decide before it has read the token."""
    patches = manifest(mesh(APP), "EnvoyFilter/istio-ingress/public-http")["configPatches"]
    values = {patch["applyTo"]: patch["patch"]["value"] for patch in patches}
    assert values["HTTP_FILTER"]["name"] == BUFFER
    assert "disabled" not in values["HTTP_FILTER"]
    assert values["ROUTE_CONFIGURATION"]["typed_per_filter_config"][BUFFER]["disabled"] is True


def test_a_websocket_has_no_end():
    assert asked(mesh(APP), "/a", headers={"upgrade": "WebSocket"}).status == 413


def test_the_filter_is_there_before_the_routes():
    needed = mesh(APP).routes_need["VirtualService/chatgpt-production/chatgpt-mcp"]
    assert {FILTER, "EnvoyFilter/istio-ingress/public-http"} <= set(needed)


@pytest.mark.parametrize(
    ("app", "beginning"),
    [
        ("{host: null, gateway: null, mcp: null, auth: null, max_request_body: 1Mi}", "max_request_body: is held at"),
        (
            "{versions: {v1: {}}, rollout: {stable: v1, managed_by: flagger}, max_request_body: 1Mi}",
            "max_request_body: needs the routes",
        ),
    ],
)
def test_where_it_would_do_nothing_it_is_refused(app: str, beginning: str):
    [sentence] = mistakes(app)
    assert sentence.startswith(f"apps.chatgpt-mcp.{beginning}")


@pytest.mark.parametrize("size", ["1", "1023", "2Gi", "1m", "0.5Ki", "x", "-1Mi", "1.0001Ki"])
def test_what_is_no_size_is_refused(size: str):
    with pytest.raises(ValueError, match="must be whole bytes"):
        mistakes(f"{{max_request_body: '{size}'}}")
