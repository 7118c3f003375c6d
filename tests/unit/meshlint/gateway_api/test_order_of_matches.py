"""Which match is never asked, since another one takes its requests first."""

from __future__ import annotations

from datetime import date

import pytest

import meshlint
from tests.unit.meshlint.gateway_api.meshes import EDGE, objects

pytestmark = pytest.mark.unit


EITHER = '{path: {type: RegularExpression, value: "/a|/b"}}'
NUMBERS = '{path: {type: RegularExpression, value: "/a/[0-9]+"}}'


def dead(*matches: str) -> list[str]:
    rules = "".join(f"\n  - matches: [{match}]\n    backendRefs: [{{name: mcp, port: 8080}}]" for match in matches)
    route = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: many, namespace: apps}}
spec:
  parentRefs: [{{name: public, namespace: edge, sectionName: https}}]
  hostnames: [many.example.com]
  rules:{rules}
"""
    found = meshlint.run(objects(EDGE, route), today=date(2026, 12, 1)).findings
    return [finding.message.partition(" of ")[0] for finding in found if finding.code == "MCP907"]


@pytest.mark.parametrize(
    ("matches", "said"),
    [
        (["{path: {value: /a}}", "{path: {value: /a/}}"], ["spec.rules[1] matches pathPrefix /a"]),
        (["{path: {value: /a}}", "{path: {value: /a/b}}"], []),
        (["{path: {value: /a}}", "{path: {type: Exact, value: /a}}"], []),
        (["{path: {type: Exact, value: /a}}", "{path: {type: Exact, value: /a}}"], ["spec.rules[1] matches exact /a"]),
        (["{path: {value: /a}, method: GET}", "{path: {value: /a}}"], []),
        (["{path: {value: /a}}", "{path: {value: /a}, headers: [{name: x, value: y}]}"], []),
        (["{path: {value: /}}", EITHER], ["spec.rules[1] matches regex /a|/b"]),
        (["{path: {value: /a}}", NUMBERS], ["spec.rules[1] matches regex /a/[0-9]+"]),
        (["{path: {value: /a}}", '{path: {type: RegularExpression, value: "/a/*b"}}'], []),
        (["{path: {value: /a}}", '{path: {type: RegularExpression, value: "/a/x|/b"}}'], []),
        (["{path: {value: /a}}", '{path: {type: RegularExpression, value: "/ab.*"}}'], []),
        (["{path: {value: /a}, method: GET}", '{path: {type: RegularExpression, value: "/a/.+"}}'], []),
    ],
)  # fmt: skip
def test_only_what_another_match_takes_whole_is_never_asked(matches: list[str], said: list[str]) -> None:
    assert dead(*matches) == said
