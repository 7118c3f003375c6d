"""Issuers whose tokens need different things: each token is held to the rule of its own issuer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshlint.reachability.request import Token
from tests.unit.mesh.stack import manifest, mesh, mistakes, predicted, routes

PEOPLE, JOBS, OTHERS = "https://login.example.com", "https://accounts.google.com", "https://sso.example.com"
RESOURCE = "https://chatgpt-mcp.example.com/mcp"
ISSUERS = f"""[
  {{issuer: "{PEOPLE}", jwks_uri: https://k.example, scope_claim: scp, scope_prefix: api://orders/}},
  {{issuer: "{JOBS}", jwks_uri: https://k.example, scopes: [], claims: {{email: [batch@acme.example]}}}},
  {{issuer: "{OTHERS}", jwks_uri: https://k.example, scopes: [read, write], claims: {{}}}}
]"""
APP = f"{{auth: {{issuers: {ISSUERS}, scopes: [use], claims: {{role: [user]}}, tools: {{sql: {{scope: run}}}}}}}}"
GOOD: dict[str, dict[str, Any]] = {
    PEOPLE: {"scp": "openid use", "role": "user"},
    JOBS: {"email": "batch@acme.example"},
    OTHERS: {"scope": "read write"},
}


def answered(issuer: str, claims: dict[str, Any], app: str = APP, call: str = "ping") -> int:
    token = Token({"iss": issuer, "aud": RESOURCE, "sub": "u", "exp": 1, **claims})
    return predicted(mesh(app), "/mcp", token=token, call=call).status


@pytest.mark.parametrize("issuer", GOOD)
@pytest.mark.parametrize("of", GOOD)
def test_a_token_needs_what_its_own_issuer_asks_for_and_nothing_else_makes_up_for_it(issuer: str, of: str):
    assert answered(issuer, GOOD[of]) == (200 if of == issuer else 403)


@pytest.mark.parametrize(("issuer", "claim"), [(issuer, claim) for issuer, claims in GOOD.items() for claim in claims])
def test_each_of_it_is_needed(issuer: str, claim: str):
    assert answered(issuer, {name: value for name, value in GOOD[issuer].items() if name != claim}) == 403
    assert answered(issuer, {**GOOD[issuer], claim: "other"}) == 403


def test_one_scope_of_two_is_not_enough():
    assert answered(OTHERS, {"scope": "read"}) == answered(OTHERS, {"scope": "write"}) == 403


@pytest.mark.parametrize(("issuer", "claim"), [(PEOPLE, "scp"), (OTHERS, "scope")])
def test_a_tool_asks_in_the_claim_of_the_issuer(issuer: str, claim: str):
    with_scope = {**GOOD[issuer], claim: f"{GOOD[issuer][claim]} run"}
    assert answered(issuer, GOOD[issuer], call="tools/call sql") == 403
    assert answered(issuer, with_scope, call="tools/call sql") == 200
    elsewhere = {**GOOD[issuer], ("scope" if claim == "scp" else "scp"): "run"}
    assert answered(issuer, elsewhere, call="tools/call sql") == 403


def test_workloads_without_scopes_call_no_guarded_tool():
    assert answered(JOBS, GOOD[JOBS], call="tools/call sql") == 403


def test_the_long_name_of_a_scope_is_asked_for_and_the_short_one_compared():
    assert answered(PEOPLE, {"scp": "api://orders/use", "role": "user"}) == 403
    found = routes(mesh(APP))
    document = json.loads(found["metadata"]["directResponse"]["body"]["string"])
    assert document["scopes_supported"] == ["api://orders/use", "api://orders/run", "read", "write", "run"]
    challenge = found["mcp.no-token"]["headers"]["response"]["set"]["www-authenticate"]
    assert challenge.endswith('scope="api://orders/use"')
    lacking = found["mcp.scope"]["headers"]["response"]["set"]["www-authenticate"]
    assert lacking.endswith('scope="api://orders/use"')


def test_istio_splits_the_claim_of_that_issuer_alone():
    rules = manifest(mesh(APP), "RequestAuthentication/istio-ingress/public-tokens")["jwtRules"]
    split = {rule["issuer"]: rule.get("spaceDelimitedClaims", []) for rule in rules}
    assert split == {PEOPLE: ["scp"], JOBS: [], OTHERS: []}


def test_where_flagger_makes_the_routes_the_policy_tells_issuers_apart():
    built = mesh(
        f"""{{auth: {{issuers: {ISSUERS}, scopes: [use], claims: {{role: [user]}}}},
        versions: {{v1: {{}}}}, rollout: {{stable: v1, managed_by: flagger}}}}"""
    )
    rules = manifest(built, "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge")["rules"]
    email = {"key": "request.auth.claims[email]", "notValues": ["batch@acme.example"]}
    asked = [rule["when"] for rule in rules if email in rule.get("when", [])]
    assert asked == [[{"key": "request.auth.claims[iss]", "values": [JOBS]}, email]]


@pytest.mark.parametrize(
    ("issuer", "sentence"),
    [
        ("scope_prefix: api://x/", "auth.issuers.0.scope_prefix: stands before no scope"),
        ("claims: {iss: [a]}", "auth.issuers.0.claims.iss: is matched by issuers already"),
        ("claims: {role: []}", "auth.issuers.0.claims.role: is empty"),
    ],
)
def test_what_means_nothing_is_said(issuer: str, sentence: str):
    [said] = mistakes(f"{{auth: {{issuers: [{{issuer: '{PEOPLE}', jwks_uri: https://k.example, {issuer}}}]}}}}")
    assert said.startswith(f"apps.chatgpt-mcp.{sentence}")


def test_an_audience_that_no_issuer_lets_in_is_said():
    experiment = "experiments: {staff: {version: v2, claim: {name: role, values: [admin]}}}"
    app = f"versions: {{v1: {{}}, v2: {{}}}}, rollout: {{stable: v1, {experiment}}}"
    one = f"{{issuer: '{PEOPLE}', jwks_uri: https://k.example, claims: {{role: [user]}}}}"
    any_ = f"{{issuer: '{OTHERS}', jwks_uri: https://k.example, claims: {{}}}}"
    [said] = mistakes(f"{{{app}, auth: {{issuers: [{one}]}}}}")
    assert "are not let in: auth.claims accepts user" in said
    assert mistakes(f"{{{app}, auth: {{issuers: [{one}, {any_}], claims: {{role: [user]}}}}}}") == []
