"""Tokens as issuers really write them: where their scopes are, and whom they say they are for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshlint.reachability.request import Token
from tests.unit.mesh.stack import manifest, mesh, mistakes, predicted, routes

TOKENS = "RequestAuthentication/istio-ingress/public-tokens"
EDGE = "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge"
GOOD = Token({"iss": "https://auth.example.com", "sub": "u", "aud": "https://chatgpt-mcp.example.com/mcp"})


def status(app: str, **claims: Any) -> int:
    """What the checker predicts for a token with these claims, None taking one away."""
    told = {name: value for name, value in {**GOOD.claims, **claims}.items() if value is not None}
    return predicted(mesh(app), "/mcp", token=replace(GOOD, claims=told)).status


class TestScopeClaim:
    @pytest.mark.parametrize("scp", ["orders.use", "openid orders.use", ["openid", "orders.use"]])
    def test_a_scope_in_scp_is_found_in_a_text_with_blanks_and_in_a_list(self, scp: object):
        assert status("{auth: {scopes: [orders.use], scope_claim: scp}}", scp=scp) == 200

    @pytest.mark.parametrize(
        "scp", [None, "", "orders.user", "openid orders.users", ["orders.use2"], 7, True, "ORDERS.USE", "orders.use,x"]
    )
    def test_nothing_but_the_whole_word_passes(self, scp: object):
        assert status("{auth: {scopes: [orders.use], scope_claim: scp}}", scp=scp) == 403

    def test_scp_alone_is_not_made_up_for_by_scope(self):
        assert status("{auth: {scopes: [orders.use], scope_claim: scp}}", scope="orders.use") == 403
        assert status("{auth: {scopes: [orders.use]}}", scp="orders.use") == 403

    def test_either_takes_the_one_or_the_other(self):
        app = "{auth: {scopes: [orders.use], scope_claim: either}}"
        assert status(app, scp="a orders.use") == status(app, scope="orders.use a") == 200
        assert status(app, scp="a", scope="b") == status(app) == 403

    def test_the_route_that_names_the_missing_scope_looks_into_each_claim(self):
        [match] = routes(mesh("{auth: {scopes: [use], scope_claim: either}}"))["mcp.scope"]["match"]
        assert match["withoutHeaders"] == {
            "@request.auth.claims[scope]": {"exact": "use"},
            "@request.auth.claims[scp]": {"exact": "use"},
        }

    def test_tools_ask_in_the_same_claim(self):
        tools = "{auth: {scope_claim: scp, tools_from: header, tools: {sql: {scope: run}}}, mcp: {era: modern}}"
        [match] = routes(mesh(tools))["mcp.tool"]["match"]
        assert match["withoutHeaders"] == {"@request.auth.claims[scp]": {"exact": "run"}}

    def test_istio_splits_it_only_where_it_is_compared(self):
        def split(app: str) -> list[str]:
            [rule] = manifest(mesh(app), TOKENS)["jwtRules"]
            return rule.get("spaceDelimitedClaims", [])

        assert split("{auth: {scopes: [use]}}") == []
        assert split("{auth: {scopes: [use], scope_claim: scp}}") == ["scp"]
        assert split("{auth: {claims: {scp: [use]}}}") == ["scp"]

    def test_scp_as_a_claim_is_compared_word_by_word(self):
        app = "{auth: {claims: {scp: [orders.use, orders.admin]}}}"
        assert status(app, scp="a orders.admin") == status(app, scp=["orders.use"]) == 200
        assert status(app, scp="a orders.user") == status(app) == 403

    def test_where_flagger_makes_the_routes_a_policy_asks(self):
        app = """{auth: {scopes: [use], scope_claim: either}, versions: {v1: {}, v2: {}},
                  rollout: {stable: v1, managed_by: flagger}}"""
        last = manifest(mesh(app), EDGE)["rules"][-1]
        assert last["when"] == [
            {"key": "request.auth.claims[scope]", "notValues": ["use"]},
            {"key": "request.auth.claims[scp]", "notValues": ["use"]},
        ]


CLIENT = """{auth: {issuers: [{issuer: "https://auth.example.com", jwks_uri: https://k.example,
      audience_claim: client_id,
                               audiences: [app-123, app-456]}]}}"""


class TestAudienceClaim:
    def test_the_client_stands_for_the_audience(self):
        assert status(CLIENT, aud=None, client_id="app-123") == status(CLIENT, aud=None, client_id="app-456") == 200

    @pytest.mark.parametrize("client", [None, "", "app-12", "app-1234", "APP-123"])
    def test_another_client_is_challenged(self, client: str | None):
        assert status(CLIENT, aud=None, client_id=client) == 401

    @pytest.mark.parametrize("audience", ["https://other.example.com", "https://chatgpt-mcp.example.com/mcp", ["x"]])
    def test_a_token_with_an_audience_is_another_services(self, audience: object):
        assert status(CLIENT, aud=audience, client_id="app-123") == 401

    def test_without_values_nothing_would_bind_a_token(self):
        [sentence] = mistakes(CLIENT.replace("[app-123, app-456]", "[]"))
        assert sentence.startswith(
            "apps.chatgpt-mcp.auth.issuers.0.audiences: is empty, and without `aud` nothing says"
        )
        assert "list the values of client_id that are accepted, or remove audience_claim" in sentence

    def test_an_empty_list_is_still_the_resource_uri(self):
        issuer = """{auth: {issuers: [{issuer: "https://auth.example.com", jwks_uri: https://k.example,
              audiences: []}]}}"""
        assert status(issuer) == 200
        assert status(issuer, aud=None, client_id="app-123") == 401

    def test_issuers_of_both_kinds_stand_side_by_side(self):
        app = """{auth: {issuers: [{issuer: "https://auth.example.com", jwks_uri: https://k.example},
                  {issuer: "https://b.example.com", jwks_uri: https://k.example,
                        audience_claim: azp, audiences: [shop]}]}}"""
        assert status(app) == status(app, iss="https://b.example.com", aud=None, azp="shop") == 200
        assert status(app, azp="shop", aud=None) == status(app, iss="https://b.example.com") == 401

    def test_every_route_that_a_token_opens_keeps_to_it(self):
        app = """{routes: [{prefix: /api/}], versions: {v1: {}, v2: {}}, mcp: {era: modern}, rollout: {stable: v1,
                  canary: {version: v2, pin: {header: x-canary, allowed: anyone}},
                  experiments: {staff: {version: v2, claim: {name: org, values: [acme]}}}},
                  auth: {scopes: [use], claims: {org: [acme]}, tools: {sql: {scope: run}}, """
        http = manifest(mesh(app + CLIENT[len("{auth: {") :]), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        asking = [m for r in http for m in r["match"] if "@request.auth.claims[client_id]" in m.get("headers", {})]
        assert len(asking) > 10
        assert all(match["withoutHeaders"]["@request.auth.claims[aud]"] == {"regex": ".*"} for match in asking)

    def test_where_flagger_makes_the_routes_a_policy_asks_each_issuer_for_its_claim(self):
        app = """{versions: {v1: {}, v2: {}}, rollout: {stable: v1, managed_by: flagger}, auth: {issuers: [
                  {issuer: "https://auth.example.com", jwks_uri: https://k.example},
                  {issuer: "https://b.example.com", jwks_uri: https://k.example,
                        audience_claim: azp, audiences: [shop]}]}}"""
        asked = [rule["when"] for rule in manifest(mesh(app), EDGE)["rules"] if "when" in rule]
        theirs = {"key": "request.auth.claims[iss]", "values": ["https://b.example.com"]}
        assert [theirs, {"key": "request.auth.claims[azp]", "notValues": ["shop"]}] in asked
        assert [theirs, {"key": "request.auth.claims[aud]", "values": ["*"]}] in asked
