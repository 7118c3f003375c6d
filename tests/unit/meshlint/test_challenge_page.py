"""MCP410 lets the page of an ACME challenge be served in plaintext, beside redirects, and nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import meshlint
from meshlint.environment import Environment

pytestmark = pytest.mark.unit

GATEWAY: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "acme", "namespace": "edge"},
    "spec": {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["edge/a.example.com"]}],
    },
}
SOLVER = {"destination": {"host": "solver.edge.svc.cluster.local", "port": {"number": 80}}}
PAGE: dict[str, Any] = {"match": [{"uri": {"prefix": "/.well-known/acme-challenge/"}}], "route": [SOLVER]}
REDIRECT: dict[str, Any] = {"redirect": {"scheme": "https", "redirectCode": 301}}


def plain(*routes: dict[str, Any], hosts: str = "edge/a.example.com") -> bool:
    """Whether the linter says that the Gateway serves plain HTTP."""
    server = {**GATEWAY["spec"]["servers"][0], "hosts": [hosts]}
    service = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "acme", "namespace": "edge"},
        "spec": {"hosts": ["a.example.com"], "gateways": ["edge/acme"], "http": list(routes)},
    }
    report = meshlint.run(
        [{**GATEWAY, "spec": {**GATEWAY["spec"], "servers": [server]}}, *([service] if routes else [])],
        charts={},
        today=date(2026, 11, 24),
        environment=Environment(whole_mesh=True),
        accept=[],
    )
    return any(finding.code == "MCP410" for finding in report.findings)


def test_the_page_and_a_redirect_are_no_plain_service() -> None:
    assert not plain(PAGE, REDIRECT)
    assert not plain(REDIRECT)


@pytest.mark.parametrize(
    "route",
    [
        {"route": [SOLVER]},
        {"match": [{"uri": {"prefix": "/.well-known/"}}], "route": [SOLVER]},
        {"match": [*PAGE["match"], {"uri": {"exact": "/mcp"}}], "route": [SOLVER]},
        {"match": [{"headers": {"x": {"exact": "1"}}}], "route": [SOLVER]},
        {"redirect": {"authority": "b.example.com"}},
        {"redirect": {"scheme": "http"}},
    ],
)
def test_any_other_route_is(route: dict[str, Any]) -> None:
    assert plain(PAGE, route, REDIRECT)


def test_a_gateway_that_others_may_attach_to_is() -> None:
    assert plain(PAGE, REDIRECT, hosts="a.example.com")
    assert plain(PAGE, REDIRECT, hosts="*/a.example.com")


def test_a_gateway_without_routes_is() -> None:
    assert plain()
