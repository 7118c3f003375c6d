"""Tokens as issuers really write them: where their scopes are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshlint.reachability.request import Token
from tests.unit.mesh.stack import manifest, mesh, predicted, routes

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
        tools = "{auth: {scope_claim: scp, tools: {sql: {scope: run}}}, mcp: {era: modern}}"
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
