"""B48: a guarded tool needs its scope however its call is written, and what has two readings is refused."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.mcp_calls import GUARDED, PUBLIC, SCOPE, ask, guarded_beside_public, message
from tests.lab.running_lab import fails

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab


@pytest.fixture(scope="module", autouse=True)
def declared(lab: RunningLab) -> Iterator[None]:
    with lab.declaring_app(auth=guarded_beside_public(lab.auth)):
        yield


def ways_around() -> dict[str, tuple[str | bytes, dict[str, str]]]:
    plain, innocent = message(GUARDED), message("list_orders")
    return {
        "batch": (f"[{plain}]", {}),
        "two messages": (innocent + plain, {}),
        "doubled method, last": (plain.replace('"id"', '"method": "ping", "id"'), {}),
        "doubled method, first": (plain[:-1] + ', "method": "ping"}', {}),
        "doubled name, last": (plain.replace('"name"', f'"name": "{PUBLIC}", "name"'), {}),
        "doubled name, first": (plain.replace('"arguments"', f'"name": "{PUBLIC}", "arguments"'), {}),
        "doubled params": (innocent[:-1] + f', "params": {{"name": "{GUARDED}"}}}}', {}),
        "another case": (innocent[:-1] + ', "Params": {"name": "execute_sql"}}', {}),
        "a letter that folds": (innocent[:-1] + ', "param\u017f": {"name": "execute_sql"}}', {}),
        "text": (plain, {"content_type": "text/plain"}),
        "UTF-16": (plain.encode("utf-16"), {}),
        "another charset": (plain.encode("utf-16-le"), {"content_type": "application/json; charset=utf-16"}),
        "compressed": (gzip.compress(plain.encode()), {"content_encoding": "gzip"}),
        "too long": (plain[:-1] + ', "x": "' + "a" * 300_000 + '"}', {}),
        "no JSON": ("x", {}),
        "name that is none": (plain.replace(f'"{GUARDED}"', f'["{GUARDED}"]'), {}),
        "upper case": (plain.replace("tools/call", "TOOLS/CALL"), {}),
    }


@pytest.mark.parametrize("way", ways_around())
def test_what_has_two_readings_is_refused_and_the_server_never_sees_it(lab: RunningLab, way: str) -> None:
    body, headers = ways_around()[way]
    for token in (lab.token(scopes=[]), ""):
        reply, seen = ask(lab, body, token=token, **headers)
        assert (reply.status, seen) == (400, False), str(reply)


def same_call() -> dict[str, tuple[str, dict[str, str]]]:
    plain = message(GUARDED)
    return {
        "plain": (plain, {}),
        "escaped name": (plain.replace("_sql", "\\u005fsql"), {}),
        "escaped key": (plain.replace('"name"', '"n\\u0061me"'), {}),
        "padded": (plain[:-1] + ', "x": "' + "a" * 200_000 + '"}', {}),
        "older version": (plain, {"mcp_protocol_version": "2025-11-25"}),
        "headers of another tool": (
            plain,
            {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "list_orders"},
        ),
    }


@pytest.mark.parametrize("way", same_call())
def test_a_guarded_tool_needs_its_scope_however_it_is_written(lab: RunningLab, way: str) -> None:
    body, headers = same_call()[way]
    reply, seen = ask(lab, body, token=lab.token(scopes=["other"]), **headers)
    assert (reply.status, seen) == (403, False), str(reply)
    assert f'scope="{SCOPE}"' in reply.header("www-authenticate")
    reply, seen = ask(lab, body, token="", **headers)
    assert (reply.status, seen) == (401, False), str(reply)
    assert "resource_metadata=" in reply.header("www-authenticate")


def test_with_its_scope_it_reaches_the_app(lab: RunningLab) -> None:
    reply, seen = ask(lab, message(GUARDED), token=lab.token(scopes=[SCOPE]))
    assert reply.status == 200, str(reply)
    assert seen


@pytest.mark.parametrize(("kind", "name"), [("EnvoyFilter", "chatgpt-mcp-calls"), ("TrafficExtension", "public-calls")])
def test_without_either_part_no_call_passes(lab: RunningLab, kind: str, name: str) -> None:
    with lab.objects.without(kind, "istio-ingress", name):
        for body in (message(GUARDED), message(PUBLIC), message("", "tools/list")):
            for token in (lab.token(scopes=[SCOPE]), ""):
                reply, seen = ask(lab, body, token=token)
                assert not seen
                assert reply.status in {400, 401}, str(reply)


def test_it_is_the_route_of_the_tool_that_forbids(lab: RunningLab) -> None:
    def take_out(service: dict[str, Any]) -> None:
        http = service["spec"]["http"]
        service["spec"]["http"] = [route for route in http if ".tool-" not in route["name"]]

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", take_out), fails():
        test_a_guarded_tool_needs_its_scope_however_it_is_written(lab, "plain")
