"""B10: a browser may send every header of MCP and read what it needs; nothing more is allowed."""

from __future__ import annotations

from typing import Any

from lab.workloads.request import Reply, send
from tests.lab.running_lab import RunningLab, fails, marked, new_id


def listed(reply: Reply, header: str) -> set[str]:
    return {part.strip().lower() for part in reply.header(header).split(",") if part.strip()}


def check_preflight(lab: RunningLab) -> None:
    app = lab.stack.apps["chatgpt-mcp"]
    assert app.cors is not None
    assert app.mcp is not None
    (origin, *_), wanted = app.cors.origins, app.mcp.request_headers
    test_id = new_id("preflight")
    reply = send(
        marked(
            lab.public.request(
                lab.mcp_url,
                method="OPTIONS",
                headers={
                    "origin": origin,
                    "access-control-request-method": "POST",
                    "access-control-request-headers": ",".join(wanted),
                },
            ),
            test_id,
        )
    )
    assert reply.status == 200, str(reply)
    assert reply.header("access-control-allow-origin") == origin
    assert listed(reply, "access-control-allow-methods") == {method.lower() for method in app.mcp.methods}
    assert listed(reply, "access-control-allow-headers") == set(wanted)
    assert not lab.seen(test_id)


def check_exposed(lab: RunningLab) -> None:
    app = lab.stack.apps["chatgpt-mcp"]
    assert app.cors is not None
    assert app.mcp is not None
    answered = send(lab.call(headers={"origin": app.cors.origins[0]}))
    assert listed(answered, "access-control-expose-headers") == set(app.mcp.response_headers)
    challenged = send(lab.call(token="", headers={"origin": app.cors.origins[0]}))
    assert challenged.status == 401
    assert "www-authenticate" in listed(challenged, "access-control-expose-headers")


def test_a_preflight_allows_exactly_what_mcp_needs(lab: RunningLab) -> None:
    check_preflight(lab)


def test_session_and_challenge_can_be_read(lab: RunningLab) -> None:
    check_exposed(lab)


def test_what_is_no_preflight_never_reaches_the_app(lab: RunningLab) -> None:
    for headers in ({}, {"origin": "https://evil.example"}, {"access-control-request-method": "POST"}):
        test_id = new_id("options")
        reply = send(marked(lab.public.request(lab.mcp_url, method="OPTIONS", headers=headers), test_id))
        assert reply.status in {403, 405}, f"{headers}: {reply}"
        assert not lab.seen(test_id)


def test_it_is_the_cors_policy_that_answers(lab: RunningLab) -> None:
    def take_out(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            route.pop("corsPolicy", None)

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", take_out):
        with fails():
            check_preflight(lab)
        with fails():
            check_exposed(lab)
