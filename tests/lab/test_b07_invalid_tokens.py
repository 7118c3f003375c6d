"""B07: every token that is wrong in one way is 401 with the challenge; a right one without the scope is 403."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.workloads.request import send
from lab.workloads.tokens import Sort
from tests.lab.running_lab import RunningLab, fails, marked, new_id

if TYPE_CHECKING:
    from collections.abc import Callable


def without_condition(header: str) -> Callable[[dict[str, Any]], None]:
    """Takes what routes ask of a header, or of a claim, out of a VirtualService."""

    def edit(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            for match in route.get("match", ()):
                match.get("headers", {}).pop(header, None)

    return edit


WRONG = [sort for sort in Sort if sort is not Sort.VALID]


def check_refused(lab: RunningLab, sort: Sort) -> None:
    test_id = new_id(sort)
    reply = send(marked(lab.call(token=lab.token(sort)), test_id))
    assert reply.status == 401, str(reply)
    challenge = reply.header("www-authenticate")
    assert challenge.startswith("Bearer "), challenge
    assert "resource_metadata=" in challenge, challenge
    assert not lab.seen(test_id)


@pytest.mark.parametrize("sort", WRONG)
def test_a_wrong_token_is_challenged(lab: RunningLab, sort: Sort) -> None:
    check_refused(lab, sort)


def test_a_token_in_the_query_string_is_no_token(lab: RunningLab) -> None:
    for headers in ({}, {"authorization": "Basic dXNlcjpwYXNz"}):
        request = lab.call(token="", headers=headers, url=f"{lab.mcp_url}?access_token={lab.token()}")
        reply = send(request)
        assert reply.status == 401, str(reply)
        assert "resource_metadata=" in reply.header("www-authenticate")


def test_the_scheme_is_case_insensitive(lab: RunningLab) -> None:
    reply = send(lab.call(token="", headers={"authorization": f"bearer {lab.token()}"}))
    assert reply.status == 200, str(reply)


def check_scope(lab: RunningLab) -> None:
    if not lab.auth.scopes and not lab.auth.tools:
        pytest.skip("this stack asks for no scope")
    tool = "whoami" if lab.auth.scopes else next(iter(lab.auth.tools))
    reply = send(lab.call(tool=tool, token=lab.token(scopes=["something.else"])))
    assert reply.status == 403, str(reply)
    assert 'error="insufficient_scope"' in reply.header("www-authenticate")


def test_a_valid_token_without_the_scope_is_insufficient(lab: RunningLab) -> None:
    check_scope(lab)


def test_it_is_the_verification_that_refuses(lab: RunningLab) -> None:
    """With keys, issuer and audience taken out of the routes, a foreign audience passes."""
    any_audience = without_condition("@request.auth.claims[aud]")
    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", any_audience), fails():
        check_refused(lab, Sort.WRONG_AUDIENCE)


def test_a_client_cannot_say_when_its_token_ends(lab: RunningLab) -> None:
    for value in ("1999999999", "never"):
        reply = send(lab.call(token=lab.token(Sort.NO_EXPIRY), headers={"x-mcp-exp": value}))
        assert reply.status == 401, str(reply)


def test_it_is_the_routes_that_refuse_tokens_without_end(lab: RunningLab) -> None:
    any_end = without_condition("x-mcp-exp")
    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", any_end), fails():
        check_refused(lab, Sort.NO_EXPIRY)


def test_it_is_the_scope_routes_that_refuse(lab: RunningLab) -> None:
    def no_scope_routes(service: dict[str, Any]) -> None:
        service["spec"]["http"] = [
            route for route in service["spec"]["http"] if route.get("directResponse", {}).get("status") != 403
        ]

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", no_scope_routes), fails():
        check_scope(lab)
