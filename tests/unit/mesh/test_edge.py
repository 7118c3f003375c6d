"""What a public MCP endpoint lets through, and what it answers to everything else.

The order of routes is the policy, so these tests read it: each leak that an edge is known to have is closed here.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from chatgpt_mesh.mesh.objects.auth.tool_rules import anything_but
from meshlint.reachability.request import Token
from tests.unit.mesh.stack import manifest, mesh, predicted, routes

RESOURCE = "https://chatgpt-mcp.example.com/mcp"
METADATA = "https://chatgpt-mcp.example.com/.well-known/oauth-protected-resource/mcp"
WITH_ORIGIN = '{cors: {origins: ["https://chatgpt.com"]}}'
GATEWAY_TOKENS = "RequestAuthentication/istio-ingress/public-tokens"
EDGE = "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge"
HTTP = "EnvoyFilter/istio-ingress/public-http"
GOOD = Token({"iss": "https://auth.example.com", "sub": "u", "aud": RESOURCE})


def challenge(route: dict[str, Any]) -> str:
    return route["headers"]["response"]["set"]["www-authenticate"]


class TestTokens:
    def test_only_an_exact_audience_a_known_issuer_and_a_subject_lead_to_the_app(self):
        """Envoy's own audience check ignores the scheme and a trailing slash."""
        [match] = routes(mesh())["mcp"]["match"]
        assert match["headers"] == {
            "@request.auth.claims[iss]": {"exact": "https://auth.example.com"},
            "@request.auth.claims[aud]": {"exact": RESOURCE},
            "@request.auth.claims[sub]": {"regex": ".+"},
            "x-mcp-exp": {"regex": "[1-9].*"},
        }
        assert match["uri"] == {"exact": "/mcp"}

    def test_each_issuer_answers_for_its_own_audiences(self):
        second = """{auth: {issuers: [{issuer: "https://a.example.com", jwks_uri: https://k.example},
                              {issuer: "https://b.example.com", jwks_uri: https://k.example, audiences: [other]}]}}"""
        pairs = {
            (m["headers"]["@request.auth.claims[iss]"]["exact"], m["headers"]["@request.auth.claims[aud]"]["exact"])
            for m in routes(mesh(second))["mcp"]["match"]
        }
        assert pairs == {("https://a.example.com", RESOURCE), ("https://b.example.com", "other")}

    def test_issuers_of_whom_the_same_is_asked_share_a_match(self):
        """Envoy looks at one route after the other, for every request and more than once."""
        alike = """{auth: {issuers: [{issuer: "https://a.example.com", jwks_uri: https://k.example},
                              {issuer: "https://b.example.com", jwks_uri: https://k.example},
                              {issuer: "https://c.example.com", jwks_uri: https://k.example, scopes: [more]}]}}"""
        asked = [m["headers"]["@request.auth.claims[iss]"] for m in routes(mesh(alike))["mcp"]["match"]]
        assert asked == [
            {"regex": r"https://a\.example\.com|https://b\.example\.com"},
            {"exact": "https://c.example.com"},
        ]

    def test_an_issuers_audiences_share_a_match(self):
        two = (
            """{auth: {issuers: [{issuer: "https://a.example.com", jwks_uri: https://k.example, audiences: [x, y]}]}}"""
        )
        [match] = routes(mesh(two))["mcp"]["match"]
        assert match["headers"]["@request.auth.claims[aud]"] == {"regex": "x|y"}

    def test_come_in_the_authorization_header_alone(self):
        """Without fromHeaders, Envoy also takes a token from the query string."""
        [rule] = manifest(mesh(), GATEWAY_TOKENS)["jwtRules"]
        assert rule["fromHeaders"] == [
            {"name": "Authorization", "prefix": "Bearer "},
            {"name": "Authorization", "prefix": "bearer "},
        ]
        assert "audiences" not in rule

    @pytest.mark.parametrize("exp", [None, 0, "0"])
    def test_without_an_end_lead_nowhere(self, exp: Any):
        endless = replace(GOOD, claims={**GOOD.claims, "exp": exp})
        assert predicted(mesh(), "/mcp", token=endless).status == 401
        assert predicted(mesh(), "/mcp", token=endless, **{"x-mcp-exp": "1800000000"}).status == 401
        assert predicted(mesh("{auth: {require_expiry: false}}"), "/mcp", token=endless).status == 200

    def test_every_route_that_a_token_opens_asks_for_the_end(self):
        app = """
        routes: [{prefix: /api/, methods: [GET]}, {exact: /health, auth: none}]
        versions: {v1: {}, v2: {}}
        rollout: {stable: v1, canary: {version: v2, pin: {header: x-canary, allowed: anyone}},
                  experiments: {staff: {version: v2, claim: {name: org, values: [acme]}}}}
        """
        opened = [
            (route["name"], match)
            for route in manifest(mesh(app), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
            for match in route.get("match", ())
            if "route" in route and "@request.auth.claims[sub]" in match.get("headers", {})
        ]
        assert len({name for name, _ in opened}) == 8
        assert all(match["headers"]["x-mcp-exp"] == {"regex": "[1-9].*"} for _, match in opened)

    def test_pass_the_verified_subject_and_their_end_to_the_app(self):
        [rule] = manifest(mesh(), GATEWAY_TOKENS)["jwtRules"]
        written = [{"header": "x-mcp-sub", "claim": "sub"}, {"header": "x-mcp-exp", "claim": "exp"}]
        assert rule["outputClaimToHeaders"] == written

    def test_of_two_apps_are_verified_once_per_gateway(self):
        other = """{second: {namespace: other, host: second.example.com, gateway: public, service: {port: 1}, mcp: {},
                    auth: {issuers: [{issuer: "https://auth.example.com", jwks_uri: https://k.example}]}}}"""
        built = mesh(others=other)
        assert len(manifest(built, GATEWAY_TOKENS)["jwtRules"]) == 1


class TestChallenge:
    def test_a_missing_token_is_told_where_to_get_one_and_no_error(self):
        route = routes(mesh())["mcp.no-token"]
        assert route["directResponse"]["status"] == 401
        assert challenge(route) == f'Bearer resource_metadata="{METADATA}"'
        assert route["match"][0]["withoutHeaders"] == {
            "authorization": {},
            "@request.auth.claims[iss]": {"regex": ".+"},
        }

    def test_any_other_token_is_invalid(self):
        route = routes(mesh())["mcp.invalid-token"]
        assert route["directResponse"]["status"] == 401
        assert challenge(route) == f'Bearer error="invalid_token", resource_metadata="{METADATA}"'
        assert "headers" not in route["match"][0]

    def test_the_proxys_own_refusal_carries_it_too(self):
        """Envoy answers a token that does not verify before any route, with a realm that tells a client nothing."""
        value = manifest(mesh(), HTTP)["configPatches"][0]["patch"]["value"]["typed_config"]
        [mapper] = value["local_reply_config"]["mappers"]
        assert (
            mapper["headers_to_add"][0]["header"]["value"]
            == f'Bearer error="invalid_token", resource_metadata="{METADATA}"'
        )
        assert mapper["headers_to_add"][0]["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"
        authority = mapper["filter"]["and_filter"]["filters"][1]["header_filter"]["header"]["string_match"][
            "safe_regex"
        ]["regex"]
        assert re.fullmatch(authority, "CHATGPT-mcp.example.com:443")
        assert not re.fullmatch(authority, "chatgpt-mcpxexample.com")

    def test_browsers_may_read_it(self):
        route = routes(mesh(WITH_ORIGIN))["mcp.no-token"]
        assert route["headers"]["response"]["set"]["access-control-allow-origin"] == "%REQ(ORIGIN)%"

    def test_the_metadata_is_open_at_both_forms_of_its_path(self):
        route = routes(mesh("{auth: {scopes: [use]}}"))["metadata"]
        assert {match["uri"]["exact"] for match in route["match"]} == {
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resource",
        }
        assert all("headers" not in match for match in route["match"])
        assert json.loads(route["directResponse"]["body"]["string"]) == {
            "resource": RESOURCE,
            "authorization_servers": ["https://auth.example.com"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["use"],
        }

    def test_one_authorization_server_of_two_issuers_is_named_once(self):
        two = [
            {"issuer": "https://idp.example.com/v2.0", "jwks_uri": "https://idp.example.com/v2.0/keys"},
            {
                "issuer": "https://sts.example.com",
                "jwks_uri": "https://idp.example.com/keys",
                "authorization_server": "https://idp.example.com/v2.0",
            },
        ]
        route = routes(mesh(json.dumps({"auth": {"issuers": two}})))["metadata"]
        document = json.loads(route["directResponse"]["body"]["string"])
        assert document["authorization_servers"] == ["https://idp.example.com/v2.0"]

    def test_a_missing_scope_is_named_with_403(self):
        route = routes(mesh("{auth: {scopes: [use]}}"))["mcp.scope"]
        assert route["directResponse"]["status"] == 403
        assert challenge(route) == f'Bearer error="insufficient_scope", resource_metadata="{METADATA}", scope="use"'
        assert route["match"][0]["withoutHeaders"] == {"@request.auth.claims[scope]": {"exact": "use"}}

    def test_a_claim_of_another_value_is_answered_403_before_the_route_that_leads_on(self):
        built = mesh("{auth: {claims: {role: [service, admin]}}}")
        route = routes(built)["mcp.claim"]
        assert route["directResponse"]["status"] == 403
        assert route["match"][0]["withoutHeaders"] == {"@request.auth.claims[role]": {"regex": "service|admin"}}
        names = [r["name"] for r in manifest(built, "VirtualService/chatgpt-production/chatgpt-mcp")["http"]]
        assert names.index("chatgpt-mcp.mcp.claim") < names.index("chatgpt-mcp.mcp")

    def test_scope_routes_stand_before_the_route_that_leads_on(self):
        names = [
            r["name"]
            for r in manifest(mesh("{auth: {scopes: [use]}}"), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        ]
        assert (
            names.index("chatgpt-mcp.mcp.scope")
            < names.index("chatgpt-mcp.mcp")
            < names.index("chatgpt-mcp.mcp.no-token")
        )


class TestMethods:
    def test_other_methods_get_405_last(self):
        http = manifest(mesh(), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        assert http[-1]["directResponse"] == {"status": 405}
        assert http[-1]["headers"]["response"]["set"] == {"allow": "GET, POST, DELETE"}

    def test_the_modern_era_knows_only_post(self):
        [match] = routes(mesh("{mcp: {era: modern}}"))["mcp"]["match"]
        assert match["method"] == {"exact": "POST"}

    def test_a_preflight_needs_a_listed_origin_and_the_requested_method(self):
        [match] = routes(mesh(WITH_ORIGIN))["mcp.preflight"]["match"]
        assert match["headers"] == {"origin": {"exact": "https://chatgpt.com"}, "access-control-request-method": {}}

    def test_a_preflight_meets_a_route_that_leads_on(self):
        """Istio accepts corsPolicy beside a direct response, and drops it in silence."""
        http = manifest(mesh(WITH_ORIGIN), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        assert all("route" in route for route in http if "corsPolicy" in route)
        assert routes(mesh(WITH_ORIGIN))["mcp.preflight"]["corsPolicy"]["allowOrigins"] == [
            {"exact": "https://chatgpt.com"}
        ]

    def test_without_origins_there_is_no_preflight_at_all(self):
        assert not any("preflight" in name for name in routes(mesh()))

    @pytest.mark.parametrize(
        ("era", "headers"),
        [
            ("legacy", {"mcp-session-id", "last-event-id"}),
            ("modern", {"mcp-method", "mcp-name"}),
            ("both", {"mcp-session-id", "last-event-id", "mcp-method", "mcp-name"}),
        ],
    )
    def test_cors_lists_what_the_era_sends(self, era: str, headers: set[str]):
        built = mesh(f'{{mcp: {{era: {era}}}, cors: {{origins: ["https://chatgpt.com"]}}}}')
        cors = routes(built)["mcp"]["corsPolicy"]
        assert set(cors["allowHeaders"]) == {"authorization", "content-type", "mcp-protocol-version"} | headers
        assert "www-authenticate" in cors["exposeHeaders"]
        assert ("mcp-session-id" in cors["exposeHeaders"]) == (era != "modern")


class TestDenied:
    def test_an_origin_that_is_not_listed_on_every_spelling_of_the_host(self):
        [rule] = manifest(mesh(WITH_ORIGIN), EDGE)["rules"]
        assert rule["when"] == [
            {"key": "request.headers[origin]", "values": ["*"], "notValues": ["https://chatgpt.com"]}
        ]
        [to] = rule["to"]
        assert to["operation"]["hosts"] == ["chatgpt-mcp.example.com", "chatgpt-mcp.example.com:*"]

    def test_every_origin_where_none_is_listed(self):
        assert manifest(mesh(), EDGE)["rules"][0]["when"] == [{"key": "request.headers[origin]", "values": ["*"]}]

    def test_denied_subjects(self):
        policy = manifest(mesh("{auth: {deny_subjects: [banned]}}"), EDGE)
        assert policy["action"] == "DENY"
        assert policy["rules"][1]["when"] == [{"key": "request.auth.claims[sub]", "values": ["banned"]}]

    def test_ports_keep_tcp_listeners_out_of_it(self):
        """A DENY by HTTP attributes alone denies all of TCP."""
        assert all(
            to["operation"]["ports"] == ["80", "443"] for rule in manifest(mesh(), EDGE)["rules"] for to in rule["to"]
        )

    def test_header_names_with_underscores(self):
        value = manifest(mesh(), HTTP)["configPatches"][0]["patch"]["value"]["typed_config"]
        assert value["common_http_protocol_options"] == {"headers_with_underscores_action": "REJECT_REQUEST"}


class TestPaths:
    def test_the_endpoint_is_one_exact_path_and_nothing_else_is_routed(self):
        uris = [
            match["uri"]
            for route in manifest(mesh(), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
            for match in route["match"]
        ]
        assert {json.dumps(uri) for uri in uris if uri != {"exact": "/mcp"}} == {
            '{"exact": "/.well-known/oauth-protected-resource/mcp"}',
            '{"exact": "/.well-known/oauth-protected-resource"}',
        }

    @pytest.mark.parametrize(
        "path", ["/api/%2f..%2fx", "/api/..;/x", "/api//x", "/api/%252e", "/api/%2E%2e/x", "/api/%5cx", "/api/%00"]
    )
    def test_a_prefix_leaves_no_room_for_paths_with_two_readings(self, path: str):
        http = manifest(mesh("{routes: [{prefix: /api/}]}"), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        assert http[0]["directResponse"] == {"status": 404}
        assert re.fullmatch(http[0]["match"][0]["uri"]["regex"], path)

    @pytest.mark.parametrize("path", ["/api/x", "/api/x%20y", "/api/a,b", "/api/x?u=https://y;z%2f"])
    def test_and_keeps_ordinary_ones(self, path: str):
        http = manifest(mesh("{routes: [{prefix: /api/}]}"), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        assert not re.fullmatch(http[0]["match"][0]["uri"]["regex"], path)


class TestStreams:
    def test_the_mcp_path_has_no_timeout(self):
        assert "timeout" not in routes(mesh())["mcp"]

    def test_only_requests_that_never_ran_are_tried_again(self):
        assert routes(mesh())["mcp"]["retries"] == {"attempts": 2, "retryOn": "connect-failure,refused-stream"}

    def test_every_route_that_leads_on_says_how_it_retries(self):
        """Istio's default would repeat a request that ran."""
        built = mesh(WITH_ORIGIN)
        for key in (
            "VirtualService/chatgpt-production/chatgpt-mcp",
            "VirtualService/chatgpt-production/chatgpt-mcp-mesh",
        ):
            assert all("retries" in route for route in manifest(built, key)["http"] if "route" in route)

    def test_the_longest_call_is_what_proxies_drain_for(self):
        other = "{slow: {namespace: other, service: {port: 1}, longest_call: 20m}}"
        built = mesh("{longest_call: 300s}", others=other)
        assert built.drain_duration.total_seconds() == 1200
        assert built.gateway_drain_duration("public").total_seconds() == 300


class TestTools:
    GUARDED = "auth: {tools_from: header, tools: {execute_sql: {scope: tools.execute}}}"

    def test_a_guarded_tool_without_its_scope_is_answered_403_with_the_scope(self):
        route = routes(mesh(f"{{mcp: {{era: modern}}, {self.GUARDED}}}"))["mcp.tool"]
        [match] = route["match"]
        assert match["headers"]["mcp-method"] == {"exact": "tools/call"}
        assert match["headers"]["mcp-name"] == {"exact": "execute_sql"}
        assert match["withoutHeaders"] == {"@request.auth.claims[scope]": {"exact": "tools.execute"}}
        assert 'scope="tools.execute"' in challenge(route)

    def test_the_modern_era_refuses_older_protocols(self):
        route = routes(mesh(f"{{mcp: {{era: modern}}, {self.GUARDED}}}"))["mcp.older-protocol"]
        assert route["directResponse"]["status"] == 403
        missing, other = route["match"]
        assert missing["withoutHeaders"]["mcp-protocol-version"] == {"exact": "2026-07-28"}
        assert re.fullmatch(other["headers"]["mcp-protocol-version"]["regex"], "2025-11-25")

    def test_both_eras_ask_older_clients_for_the_scopes_of_all_guarded_tools(self):
        route = routes(mesh(f"{{{self.GUARDED}}}"))["mcp.older-protocol"]
        assert route["directResponse"]["status"] == 403
        assert all(
            m["withoutHeaders"]["@request.auth.claims[scope]"] == {"exact": "tools.execute"} for m in route["match"]
        )

    def test_a_call_that_hides_its_name_is_refused(self):
        route = routes(mesh(f"{{mcp: {{era: modern}}, {self.GUARDED}}}"))["mcp.unnamed-call"]
        pattern = route["match"][1]["withoutHeaders"]["mcp-name"]["regex"]
        assert re.fullmatch(pattern, "execute_sql")
        assert not re.fullmatch(pattern, "=?base64?ZXhlY3V0ZV9zcWw=?=")
        assert not re.fullmatch(pattern, "quick,execute_sql")

    def test_guards_stand_before_the_route_that_leads_on(self):
        names = [
            route["name"]
            for route in manifest(
                mesh(f"{{mcp: {{era: modern}}, {self.GUARDED}}}"), "VirtualService/chatgpt-production/chatgpt-mcp"
            )["http"]
        ]
        order = ["older-protocol", "unnamed-call", "tool"]
        assert [names.index(f"chatgpt-mcp.mcp.{name}") for name in order] == sorted(
            names.index(f"chatgpt-mcp.mcp.{name}") for name in order
        )
        assert names.index("chatgpt-mcp.mcp.tool") < names.index("chatgpt-mcp.mcp")

    @pytest.mark.parametrize(
        ("text", "other"),
        [
            ("2026-07-28", False),
            ("2027-01-01", False),
            ("", True),
            ("2026-07-2", True),
            ("2026-07-281", True),
            ("2025-11-25", True),
            ("2026-07-28,2025-11-25", True),
        ],
    )
    def test_anything_but_known_versions(self, text: str, other: bool):
        assert bool(re.fullmatch(anything_but(["2026-07-28", "2027-01-01"]), text)) is other


class TestMesh:
    def test_callers_in_the_mesh_meet_no_claims(self):
        """Istio refuses routes by claims for `mesh`, and a workload's identity is its certificate."""
        http = manifest(mesh(), "VirtualService/chatgpt-production/chatgpt-mcp-mesh")
        assert http["gateways"] == ["mesh"]
        assert "@request.auth" not in json.dumps(http)

    def test_each_host_is_in_one_virtual_service(self):
        hosts = [
            host
            for owned in mesh("{further_hosts: [{host: inside.example.org, gateway: internal}]}").objects
            if owned.resource.kind == "VirtualService"
            for host in owned.resource.to_dict()["spec"]["hosts"]
        ]
        assert len(hosts) == len(set(hosts)) == 3
