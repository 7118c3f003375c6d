"""B49: listed calls pass without a token, and no others; a wrong token is not taken for none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lab.workloads.request import send
from tests.lab.mcp_calls import GUARDED, PUBLIC, ask, guarded_beside_public, message
from tests.lab.running_lab import fails, marked, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab


@pytest.fixture(scope="module", autouse=True)
def declared(lab: RunningLab) -> Iterator[None]:
    with lab.declaring_app(auth=guarded_beside_public(lab.auth)):
        yield


@pytest.mark.parametrize(("name", "method"), [("", "initialize"), ("", "tools/list"), (PUBLIC, "tools/call")])
def test_listed_calls_need_no_token(lab: RunningLab, name: str, method: str) -> None:
    _, seen = ask(lab, message(name, method), token="", x_mcp_sub="admin")
    assert seen


def test_the_app_is_told_of_nobody_whose_subject_or_end_a_client_made_up(lab: RunningLab) -> None:
    test_id = new_id("nobody")
    made_up = lab.call(token="", headers={"x-mcp-sub": "admin", "x-mcp-exp": "1999999999"})
    assert send(marked(replace(made_up, body=message(PUBLIC)), test_id)).status == 200
    [arrived] = lab.seen(test_id)
    assert not {"x-mcp-sub", "x-mcp-exp"} & arrived["headers"].keys()


def test_a_wrong_token_is_not_taken_for_none(lab: RunningLab) -> None:
    reply, seen = ask(lab, message("", "tools/list"), token=lab.token(audience="https://other.example.com"))
    assert (reply.status, seen) == (401, False), str(reply)


def test_any_other_call_is_challenged(lab: RunningLab) -> None:
    for body in (message(GUARDED), message("list_orders"), message("", "resources/list")):
        reply, seen = ask(lab, body, token="")
        assert (reply.status, seen) == (401, False), str(reply)
        assert "resource_metadata=" in reply.header("www-authenticate")
        assert reply.json()["error"]["message"].startswith("a token is needed")


def test_it_is_a_route_of_its_own_that_lets_them_pass(lab: RunningLab) -> None:
    def take_out(service: dict[str, Any]) -> None:
        http = service["spec"]["http"]
        service["spec"]["http"] = [route for route in http if ".anonymous" not in route["name"]]

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", take_out), fails():
        test_listed_calls_need_no_token(lab, PUBLIC, "tools/call")
