"""Apps ask an authorizer about their requests: at their own sidecar, in addition to every rule, and failing closed."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.components.mesh_config import mesh_config
from tests.unit.mesh.stack import manifest, mesh, mistakes

DOOR = {"service": "door.doors.svc.cluster.local", "port": 8080, "http": {}}
OPA = {"service": "opa.policy.svc.cluster.local", "port": 9191, "grpc": {}}
POLICY = "AuthorizationPolicy/chatgpt-production/chatgpt-mcp-external-authorization"
ASKS = "{external_authorization: {authorizer: door}}"


def authorizers(**changes: Any) -> dict[str, Any]:
    return {"authorizers": {"door": {**DOOR, **changes}, "opa": OPA}}


def provider(name: str, **changes: Any) -> dict[str, Any]:
    made = mesh_config(mesh(**authorizers(**changes))).to_dict()["extensionProviders"]
    [found] = [one for one in made if one["name"] == name]
    return next(value for key, value in found.items() if key != "name")


def test_the_apps_own_sidecar_asks_about_its_port_alone() -> None:
    policy = manifest(mesh(ASKS, **authorizers()), POLICY)
    assert policy == {
        "selector": {"matchLabels": {"app": "chatgpt-mcp"}},
        "action": "CUSTOM",
        "provider": {"name": "door"},
        "rules": [{"to": [{"operation": {"ports": ["8080"]}}]}],
    }


def test_paths_are_whole_paths_of_the_app() -> None:
    app = "{routes: [{prefix: /files/}], external_authorization: {authorizer: door, paths: [/mcp, /files/]}}"
    policy = manifest(mesh(app, **authorizers()), POLICY)
    assert policy["rules"][0]["to"][0]["operation"]["paths"] == ["/mcp", "/files/*"]


def test_it_fails_closed_and_soon() -> None:
    for name in ("door", "opa"):
        assert {key: provider(name)[key] for key in ("failOpen", "statusOnError", "timeout")} == {
            "failOpen": False,
            "statusOnError": "403",
            "timeout": "1s",
        }


def test_headers_are_named_and_nothing_else_goes_either_way() -> None:
    named = {"include_request_headers_in_check": ["cookie"], "headers_to_upstream_on_allow": ["x-user"]}
    found = provider("door", http=named)
    assert (found["includeRequestHeadersInCheck"], found["headersToUpstreamOnAllow"]) == (["cookie"], ["x-user"])
    assert "headersToDownstreamOnDeny" not in found


def test_the_sidecar_of_an_app_that_asks_knows_the_authorizer() -> None:
    sidecar = manifest(mesh(ASKS, **authorizers()), "Sidecar/chatgpt-production/chatgpt-mcp")
    assert "doors/door.doors.svc.cluster.local" in sidecar["egress"][0]["hosts"]
    silent = manifest(mesh(**authorizers()), "Sidecar/chatgpt-production/chatgpt-mcp")
    assert "doors/door.doors.svc.cluster.local" not in silent["egress"][0]["hosts"]


@pytest.mark.parametrize(
    ("how", "operation"),
    [
        ("http", {"ports": ["9191"]}),
        (
            "grpc",
            {"ports": ["9191"], "methods": ["POST"], "paths": ["/envoy.service.auth.v3.Authorization/Check"]},
        ),
    ],
)
def test_an_authorizer_of_the_stack_lets_in_those_that_ask_it(how: str, operation: dict[str, Any]) -> None:
    declared = {"service": "opa.policy.svc.cluster.local", "port": 9191, how: {}}
    others = "{opa: {namespace: policy, service: {port: 9191}}}"
    built = mesh(ASKS, others, authorizers={"door": declared})
    [rule] = manifest(built, "AuthorizationPolicy/policy/opa-callers")["rules"]
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/chatgpt-production/sa/chatgpt-mcp"]}}]
    assert {key: value for key, value in rule["to"][0]["operation"].items() if key != "hosts"} == operation


@pytest.mark.parametrize(
    ("app", "changes", "beginning"),
    [
        (
            "{external_authorization: {authorizer: iap}}",
            {},
            "apps.chatgpt-mcp.external_authorization.authorizer: is no declared authorizer; there are: door, opa",
        ),
        (
            "{external_authorization: {authorizer: door, paths: [/other]}}",
            {},
            "apps.chatgpt-mcp.external_authorization.paths.0: takes in no path that the app serves; they are: /mcp",
        ),
        (
            "{routes: [{prefix: /files/}], external_authorization: {authorizer: door, paths: [/files/secret]}}",
            {},
            "apps.chatgpt-mcp.external_authorization.paths.0: is a part of /files/, of which the app serves all",
        ),
        ("{}", {"grpc": {}}, "authorizers.door: needs exactly one of http and grpc"),
        ("{}", {"service": "door.example.com"}, "authorizers.door.service: must be a Service of the cluster"),
        (
            "{}",
            {"service": "door.chatgpt-production.svc.cluster.local"},
            "authorizers.door.service: is no app of chatgpt-production, and whatever is not an app there is denied",
        ),
        (
            ASKS,
            {"service": "chatgpt-mcp.chatgpt-production.svc.cluster.local"},
            "authorizers.door.service: is that of apps.chatgpt-mcp, which asks an authorizer itself",
        ),
        (
            "{}",
            {"service": "chatgpt-mcp.chatgpt-production.svc.cluster.local", "port": 1},
            "authorizers.door.port: apps.chatgpt-mcp has port 8080",
        ),
        (
            "{}",
            {"include_request_body_in_check": {"pack_as_bytes": True}},
            "authorizers.door.include_request_body_in_check.pack_as_bytes: is for grpc",
        ),
    ],
)
def test_what_would_refuse_everything_or_ask_too_little_is_refused(
    app: str, changes: dict[str, Any], beginning: str
) -> None:
    found = mistakes(app, **authorizers(**changes))
    assert [sentence for sentence in found if sentence.startswith(beginning)], found


def test_istio_keeps_one_list_of_names() -> None:
    [found] = mistakes(authorizers={"json-log": DOOR})
    assert found.startswith("authorizers.json-log: is the name of a provider of telemetry too")
