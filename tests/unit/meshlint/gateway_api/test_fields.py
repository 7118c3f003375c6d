"""Kinds of Gateway API are read by their own definitions: fields, values and versions."""

from __future__ import annotations

from datetime import date

import pytest

import meshlint
from meshlint import schemas
from tests.unit.meshlint.gateway_api.meshes import EDGE, objects

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("before", "now", "code", "said"),
    [
        ("protocol: HTTPS", "protocol: HTTPS\n    protocl: HTTPS", "MCP003", "did you mean protocol?"),
        ("hostnames: [mcp", "hosts: [mcp", "MCP003", "hosts is not a field of HTTPRoute"),
        ("{namespaces: {from: All}}", "{namespaces: {from: Every}}", "MCP004", "none of All, Selector, Same"),
        ("statusCode: 301}", "statusCode: 300}", "MCP004", "is 300, which is none of 301, 302"),
        ("port: 443", "port: https", "MCP004", "has to be an integer"),
        ("gatewayClassName: istio", "infrastructure: {}", "MCP004", "spec.gatewayClassName is required and absent"),
        ("k8s.io/v1\nkind: HTTP", "k8s.io/v1alpha2\nkind: HTTP", "MCP005", "is not served for HTTPRoute"),
        ("kind: HTTPRoute", "kind: HttpRoute", "MCP005", "which gateway.networking.k8s.io does not define"),
    ],
)  # fmt: skip
def test_what_the_api_server_refuses_or_drops_is_a_finding(before: str, now: str, code: str, said: str) -> None:
    assert before in EDGE
    found = meshlint.run(objects(EDGE.replace(before, now)), today=date(2026, 12, 1)).findings
    assert any(finding.code == code and said in finding.message for finding in found), found


def test_versions_that_are_served_are_none() -> None:
    beta = EDGE.replace("gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1")
    assert [found.message for found in meshlint.run(objects(beta), today=date(2026, 12, 1)).findings] == []


def test_the_table_has_the_kinds_that_istio_reads() -> None:
    kinds = {name.partition("/")[2] for name in schemas.load("gateway_api_resources")}
    assert kinds >= {"Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "ReferenceGrant"}
