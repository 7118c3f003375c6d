"""Tools read from the body, and calls without a token: what each call is answered, whichever part is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chatgpt_mesh.mesh.build import Mesh
from meshlint.reachability.request import Token
from tests.unit.mesh.stack import manifest, mesh, mistakes, predicted, routes

GOOD = Token({"iss": "https://auth.example.com", "sub": "u", "aud": "https://chatgpt-mcp.example.com/mcp"})
MAY_RUN = replace(GOOD, claims={**GOOD.claims, "scope": "run"})
CALLS = "EnvoyFilter/istio-ingress/chatgpt-mcp-calls"
READER = "TrafficExtension/istio-ingress/public-calls"
BODY = "{auth: {tools: {execute_sql: {scope: run}, drop_table: {scope: run}}}}"
CONDITIONED = ("unread-call", "tool-0", "anonymous.session-any", "anonymous.no-session", "anonymous")
MIXED = BODY.replace("tools: {", "anonymous: {tools: [search]}, tools: {", 1)


def status(app: str, call: str, token: Token | None = GOOD) -> int:
    return predicted(mesh(app), "/mcp", token=token, call=call).status


class TestTools:
    @pytest.mark.parametrize("era", ["legacy", "modern", "both"])
    def test_a_guarded_tool_needs_its_scope_on_every_wire(self, era: str):
        app = BODY.replace("{auth", f"{{mcp: {{era: {era}}}, auth", 1)
        assert status(app, "tools/call execute_sql") == status(app, "tools/call drop_table") == 403
        assert status(app, "tools/call execute_sql", MAY_RUN) == 200
        assert status(app, "tools/call whoami") == status(app, "tools/list") == 200

    @pytest.mark.parametrize("source", ["body", "header"])
    def test_a_second_name_that_may_be_any_guarded_tools_needs_the_scopes_of_all(self, source: str):
        app = BODY.replace("drop_table: {scope: run}}", f"drop_table: {{scope: drop}}}}, tools_from: {source}")
        app = app.replace("{auth", "{mcp: {era: modern}, auth", 1)
        alias = "__0123456789ab_whoami"
        may_all = replace(GOOD, claims={**GOOD.claims, "scope": "run drop"})

        def answered(token: Token) -> int:
            said = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": alias}
            return predicted(mesh(app), "/mcp", token=token, call=f"tools/call {alias}", **said).status

        assert answered(GOOD) == answered(MAY_RUN) == 403
        assert answered(may_all) == 200

    def test_what_cannot_be_read_is_refused_whatever_the_token_may(self):
        assert status(BODY, "", MAY_RUN) == status(BODY, "") == 400

    def test_a_missing_or_wrong_token_is_challenged_before_anything_is_read(self):
        elsewhere = replace(GOOD, claims={**GOOD.claims, "aud": "x"})
        assert status(BODY, "", None) == status(BODY, "tools/list", None) == 401
        assert status(BODY, "tools/list", elsewhere) == 401

    def test_bodies_are_held_for_the_endpoint_alone_and_for_nobody_without_a_token(self):
        known = 'paths = { ["/mcp"] = true }, limit = 262144, subject = "x-mcp-sub", anonymous = '
        host = f'  ["chatgpt-mcp.example.com"] = {{ {known}'
        assert code(BODY).startswith(f"local HOSTS = {{\n{host}false }},\n}}\n")
        assert code(MIXED).startswith(f"local HOSTS = {{\n{host}true }},\n}}\n")

    def test_one_filter_reads_for_all_apps_of_a_gateway_and_none_where_nobody_asks(self):
        issuer = "{issuer: 'https://auth.example.com', jwks_uri: 'https://k.example'}"
        second = f"mcp: {{path: /b}}, auth: {{issuers: [{issuer}], tools: {{pay: {{scope: pay}}}}}}"
        others = f"{{second: {{namespace: b, host: b.example.com, gateway: public, service: {{port: 1}}, {second}}}}}"
        built = mesh(BODY, others)
        extensions = [one.resource.key for one in built.objects if one.resource.kind == "TrafficExtension"]
        assert extensions == [READER, "TrafficExtension/istio-ingress/public-sessions"]
        known, _, _ = manifest(built, READER)["lua"]["inlineCode"].partition("}\n--")
        assert [line.split('"')[1] for line in known.splitlines()[1:]] == ["chatgpt-mcp.example.com", "b.example.com"]
        assert READER not in {one.resource.key for one in mesh().objects}

    def test_the_challenge_names_the_scope_of_the_tool(self):
        route = routes(mesh(BODY))["mcp.tool-0"]
        assert 'error="insufficient_scope"' in route["headers"]["response"]["set"]["www-authenticate"]
        assert 'scope="run"' in route["headers"]["response"]["set"]["www-authenticate"]

    def test_get_and_delete_have_no_call(self):
        assert predicted(mesh(BODY), "/mcp", "GET", GOOD, call="").status == 200
        assert predicted(mesh(BODY), "/mcp", "DELETE", GOOD, call="").status == 200


class TestAnonymous:
    @pytest.mark.parametrize("call", ["initialize", "notifications/initialized", "tools/list", "tools/call search"])
    def test_listed_calls_need_no_token(self, call: str):
        assert status(MIXED, call, None) == status(MIXED, call) == 200

    @pytest.mark.parametrize("call", ["tools/call execute_sql", "tools/call whoami", "resources/list"])
    def test_others_are_challenged(self, call: str):
        answered = predicted(mesh(MIXED), "/mcp", token=None, call=call)
        assert (answered.status, answered.outcome) == (401, "challenged")

    def test_a_wrong_token_is_not_taken_for_none(self):
        assert status(MIXED, "tools/list", replace(GOOD, claims={**GOOD.claims, "aud": "x"})) == 401

    @pytest.mark.parametrize("forward_token", ["true", "false"])
    @pytest.mark.parametrize("wrong", [{"aud": "x"}, {"sub": None}], ids=["for another server", "nobody's"])
    def test_a_verified_token_that_is_not_good_is_not_taken_for_none_where_the_proxy_takes_it_off(
        self, wrong: dict[str, str | None], forward_token: str
    ):
        claims = {name: value for name, value in {**GOOD.claims, **wrong}.items() if value is not None}
        issuer = f"issuer: 'https://auth.example.com', jwks_uri: 'https://k.example', forward_token: {forward_token}"
        app = MIXED.replace("auth: {", f"auth: {{issuers: [{{{issuer}}}], ", 1)
        answered = predicted(mesh(app), "/mcp", token=Token(claims), call="tools/list")
        assert (answered.status, answered.outcome) == (401, "challenged")
        assert "invalid-token" in answered.why

    def test_what_cannot_be_read_is_refused(self):
        assert status(MIXED, "", None) == 400

    def test_nobody_has_no_subject(self):
        route = routes(mesh(MIXED))["mcp.anonymous"]
        assert route["headers"]["request"]["remove"] == ["x-mcp-sub"]
        assert route["match"][0]["withoutHeaders"] == {
            "authorization": {},
            "@request.auth.claims[iss]": {"regex": ".+"},
        }

    def test_the_stream_of_a_session_needs_a_token(self):
        assert predicted(mesh(MIXED), "/mcp", "GET", None, call="").status == 401


class TestWithoutAPart:
    """Each part missing closes the endpoint: nothing that a token or a list opens is open by accident."""

    def without(self, app: str, key: str) -> Mesh:
        built = mesh(app)
        kept = tuple(owned for owned in built.objects if owned.resource.key != key)
        assert len(kept) == len(built.objects) - 1
        built.__dict__["objects"] = kept
        return built

    @pytest.mark.parametrize("call", ["tools/call execute_sql", "tools/list", "tools/call search", ""])
    def test_without_the_filter_no_call_passes(self, call: str):
        for token in (None, GOOD, MAY_RUN):
            assert predicted(self.without(MIXED, CALLS), "/mcp", token=token, call=call).status in (400, 401)

    def test_the_first_route_takes_every_call_of_the_others(self):
        http = manifest(mesh(MIXED), "VirtualService/chatgpt-production/chatgpt-mcp")["http"]
        names = [route["name"].removeprefix("chatgpt-mcp.mcp.") for route in http]
        assert names.index("unread-call") < names.index("tool-0") < names.index("anonymous") < names.index("no-token")

    def test_every_patch_finds_its_route_and_every_guard_its_patch(self):
        built = mesh(MIXED)
        patched = [
            p["match"]["routeConfiguration"]["vhost"]["route"]["name"] for p in manifest(built, CALLS)["configPatches"]
        ]
        assert patched == [f"chatgpt-mcp.mcp.{name}" for name in CONDITIONED]

    def test_tokens_of_the_older_way_are_not_asked_for(self):
        assert not [name for name in routes(mesh(BODY)) if "older-protocol" in name or "unnamed-call" in name]


class TestMistakes:
    @pytest.mark.parametrize(
        ("auth", "sentence"),
        [
            ("tools_from: header, anonymous: {}", "auth.anonymous: is decided by what the body calls"),
            ("tools_from: body", "auth.tools_from: reads for nothing"),
            (
                "tools_from: body, anonymous: {methods: [tools/call]}",
                "auth.anonymous.methods: has tools/call, which is",
            ),
            ("tools_from: body, anonymous: {methods: []}", "auth.anonymous: is empty"),
            ("tools_from: body, anonymous: {tools: [a b]}", "auth.anonymous.tools.0: is no tool name"),
            (
                "tools_from: body, tools: {a: {scope: run}}, anonymous: {tools: [a]}",
                "auth.anonymous.tools.0: needs a scope in auth.tools",
            ),
        ],
    )
    def test_is_a_sentence(self, auth: str, sentence: str):
        [found] = mistakes(f"{{auth: {{{auth}}}}}")
        assert found.startswith(f"apps.chatgpt-mcp.{sentence}")

    def test_where_flagger_makes_the_routes_no_call_can_be_refused(self):
        app = BODY.replace("{auth", "{versions: {v1: {}, v2: {}}, rollout: {stable: v1, managed_by: flagger}, auth", 1)
        fields = ("tools", "anonymous", "tools_from")
        beginnings = [
            f"apps.chatgpt-mcp.auth.{field}: is decided by routes, and flagger makes them" for field in fields
        ]
        assert all(found.startswith(tuple(beginnings)) for found in mistakes(app))
        assert mistakes(app)


def code(app: str) -> Any:
    return manifest(mesh(app), READER)["lua"]["inlineCode"]
