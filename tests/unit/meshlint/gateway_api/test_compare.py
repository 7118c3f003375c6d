"""What a change of Gateway API or of ambient mode does to requests is told as one; what is not looked at is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshlint.__main__ import main
from meshlint.reachability.compare import Comparison, compare
from tests.unit.meshlint.gateway_api.meshes import AMBIENT, EDGE, mesh
from tests.unit.meshlint.gateway_api.test_reach import AT_GATEWAY

pytestmark = pytest.mark.unit


def difference(old: str, before: str, now: str) -> Comparison:
    assert before in old, before
    return compare(mesh(old), mesh(old.replace(before, now)))


TOKENS = f"{EDGE}---{AT_GATEWAY}"
INGRESS = 'istio.io/ingress-use-waypoint: "true"'
BOTH = f"{AMBIENT}---{EDGE.partition('---')[2].partition('---')[2]}"


@pytest.mark.parametrize(
    ("old", "before", "now", "said"),
    [
        (TOKENS, "action: DENY", "action: ALLOW", "AuthorizationPolicy/edge/token"),
        (TOKENS, "name: public}]\n  action", "name: private}]\n  action", "now it is allowed"),
        (TOKENS, '["https://mcp.example.com/mcp"]', '["https://other.example.com"]', "aud https://other.example.com"),
        (EDGE, "value: /mcp}}]\n", "value: /mcp/v2}}]\n", "was allowed by no AuthorizationPolicy"),
        (EDGE, "sectionName: https}]", "sectionName: http}]", "http://mcp.example.com/"),
        (EDGE, "hostnames: [mcp.example.com]", "hostnames: [other.example.com]", "other.example.com"),
        (EDGE, "weight: 0", "weight: 1", "/nowhere from internet was denied with 500"),
        (EDGE, "{scheme: https, statusCode: 301}", "{scheme: https, statusCode: 302}", "redirected with 302"),
        (EDGE, "\n    allowedRoutes: {namespaces: {from: All}}\n  - {", "\n  - {", "now it is denied with 404"),
        (AMBIENT, "methods: [GET]", "methods: [GET, POST]", "POST http://mcp.apps.svc.cluster.local:8080"),
        (AMBIENT, ", labels: {istio.io/use-waypoint: waypoint}", "", "now it is allowed by no AuthorizationPolicy"),
        (AMBIENT, "waypoint-for: service", "waypoint-for: workload", "now it is allowed by no AuthorizationPolicy"),
        (AMBIENT, "istio.io/dataplane-mode: ambient", "other: label", "now it is allowed by no AuthorizationPolicy"),
        (BOTH, "use-waypoint: waypoint}", f"use-waypoint: waypoint, {INGRESS}}}", "now it is denied with 403"),
    ],
    ids=lambda value: value[:30] if len(value) < 200 else "mesh",
)  # fmt: skip
def test_a_change_that_a_request_sees_is_told(old: str, before: str, now: str, said: str) -> None:
    found = difference(old, before, now)
    told = [str(change) for change in found.changes]
    assert any(said in sentence for sentence in told), told


def test_what_opens_is_marked() -> None:
    found = difference(TOKENS, "name: public}]\n  action", "name: private}]\n  action")
    opened = [change for change in found.changes if change.opens]
    assert opened
    assert all(change.before.by == "AuthorizationPolicy/edge/token" for change in opened)
    closed = compare(mesh(TOKENS.replace("name: public}]\n  action", "name: private}]\n  action")), mesh(TOKENS))
    assert closed.changes
    assert not any(change.opens for change in closed.changes)


def test_shares_of_backends_move() -> None:
    both = "backendRefs: [{name: mcp, port: 8080, weight: 9}, {name: other, port: 80, weight: 1}]"
    old = EDGE.replace("backendRefs: [{name: mcp, port: 8080}]", both, 1)
    found = difference(old, "weight: 9", "weight: 4")
    assert any("10 % of new sessions of mcp move to other" in str(move) for move in found.moves), found.moves


def test_a_setting_that_no_request_sees_is_told_as_one() -> None:
    found = difference(
        EDGE, "[{name: example}]}", "[{name: example}], options: {gateway.istio.io/tls-cipher-suites: a}}"
    )
    assert [one.object for one in found.settings] == ["Gateway/edge/public (gateway.networking.k8s.io)"]


def test_what_is_not_followed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = EDGE.replace("gatewayClassName: istio", "gatewayClassName: gke-l7-global-external-managed")
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(other)
    new.write_text(other.replace("value: /mcp}", "value: /v2}"))
    said = "Gateways that another controller serves: edge/public (gke-l7-global-external-managed)"
    assert main(["compare", str(old), str(new)]) == 1
    assert said in capsys.readouterr().out
    main(["compare", str(old), str(new), "--format", "json"])
    assert said in json.loads(capsys.readouterr().out)["questions"]["not_followed"]
    main(["reach", str(old)])
    assert said in capsys.readouterr().err
    main(["lint", str(old)])
    assert f"not judged: {said}" in capsys.readouterr().out
    main(["lint", str(old), "--format", "json"])
    assert json.loads(capsys.readouterr().out)["not_followed"] == [said]


REWRITE = "type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /inner}}"
EXTENSION = "type: ExtensionRef, extensionRef: {group: a.example.com, kind: Filter, name: b}"
LEFT_OUT = {
    "routes whose Gateway no object shows": ("[{name: public, namespace: edge, ", "[{name: away, namespace: far, "),
    "filters of the type ExtensionRef": (REWRITE, EXTENSION),
}


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_reach_says_what_it_left_out(reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, now = LEFT_OUT[reason]
    assert before in EDGE
    file = tmp_path / "mesh.yaml"
    file.write_text(EDGE.replace(before, now))
    main(["reach", str(file)])
    assert f"Not followed: {reason}: HTTPRoute/apps/mcp." in capsys.readouterr().err


def test_a_waypoint_that_no_object_shows_is_said_to_be_taken_for_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(AMBIENT.replace("name: waypoint, namespace: apps", "name: other, namespace: apps"))
    main(["reach", str(file)])
    assert "waypoints that no object shows (taken to be absent): apps/waypoint" in capsys.readouterr().err
