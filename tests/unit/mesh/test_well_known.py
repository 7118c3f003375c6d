"""Pages with an agreed name: what the gateway answers, to whom, and which declarations are mistakes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from chatgpt_mesh.mesh.specs.mesh import MeshSpec, warnings
from tests.unit.mesh.stack import TODAY, declaration, manifest, mesh, mistakes, predicted, routes

WITH_ORIGIN = 'cors: {origins: ["https://chatgpt.com"]}'


def page(app: str, label: str) -> dict[str, Any]:
    return routes(mesh(app))[f"well-known.{label}"]


def paths_of(route: dict[str, Any]) -> list[str]:
    return [match["uri"]["exact"] for match in route["match"]]


def with_issuer(issuer: str) -> str:
    return f"""{{well_known: {{authorization_server: true}},
                auth: {{issuers: [{{issuer: "{issuer}", jwks_uri: https://k.example}}]}}}}"""


def test_there_is_none_by_default():
    assert not [name for name in routes(mesh()) if name.startswith("well-known")]


class TestChallengeOfOpenAi:
    APP = "{well_known: {openai_apps_challenge: abc_DEF-123}}"

    def test_is_the_token_as_plain_text(self):
        route = page(self.APP, "openai-apps-challenge")
        assert route["directResponse"] == {"status": 200, "body": {"string": "abc_DEF-123"}}
        assert route["headers"]["response"]["set"]["content-type"].startswith("text/plain")
        assert paths_of(route) == ["/.well-known/openai-apps-challenge"]

    def test_is_open_to_everybody_and_to_reading_alone(self):
        built = mesh(self.APP)
        assert predicted(built, "/.well-known/openai-apps-challenge", "GET").status == 200
        assert predicted(built, "/.well-known/openai-apps-challenge", "POST").status == 405
        assert predicted(built, "/.well-known/openai-apps-challenge/x", "GET").status == 404

    def test_comes_before_a_prefix_that_takes_it_in(self):
        built = mesh(self.APP.replace("{well", "{mcp: {path: /m}, routes: [{prefix: /.well-known/}], well", 1))
        assert predicted(built, "/.well-known/openai-apps-challenge", "GET").status == 200
        assert predicted(built, "/.well-known/other", "GET").status == 401


class TestAuthorizationServer:
    @pytest.mark.parametrize(
        ("issuer", "oauth", "openid"),
        [
            (
                "https://auth.example.com",
                "https://auth.example.com/.well-known/oauth-authorization-server",
                "https://auth.example.com/.well-known/openid-configuration",
            ),
            (
                "https://login.example.com/tenant/v2.0/",
                "https://login.example.com/.well-known/oauth-authorization-server/tenant/v2.0",
                "https://login.example.com/tenant/v2.0/.well-known/openid-configuration",
            ),
            (
                "https://login.example.com/a%20b",
                "https://login.example.com/.well-known/oauth-authorization-server/a%%20b",
                "https://login.example.com/a%%20b/.well-known/openid-configuration",
            ),
        ],
    )
    def test_is_where_the_issuer_keeps_it(self, issuer: str, oauth: str, openid: str):
        app = with_issuer(issuer)
        for label, location in (("oauth-authorization-server", oauth), ("openid-configuration", openid)):
            route = page(app, label)
            assert route["directResponse"] == {"status": 302}
            assert route["headers"]["response"]["set"]["location"] == location

    def test_is_asked_for_in_every_form_that_clients_try(self):
        app = with_issuer("https://auth.example.com")
        assert paths_of(page(app, "oauth-authorization-server")) == [
            "/.well-known/oauth-authorization-server/mcp",
            "/.well-known/oauth-authorization-server",
        ]
        assert paths_of(page(app, "openid-configuration")) == [
            "/.well-known/openid-configuration/mcp",
            "/.well-known/openid-configuration",
            "/mcp/.well-known/openid-configuration",
        ]
        answered = predicted(mesh(app), "/.well-known/oauth-authorization-server/mcp", "GET")
        assert (answered.outcome, answered.status) == ("redirected", 302)

    def test_is_the_one_that_the_metadata_names(self):
        app = """{well_known: {authorization_server: true}, auth: {issuers: [{issuer: "https://a.example.com",
                  jwks_uri: https://k.example, authorization_server: "https://login.example.com"}]}}"""
        location = page(app, "oauth-authorization-server")["headers"]["response"]["set"]["location"]
        assert location.startswith("https://login.example.com/")

    def test_browsers_may_ask_first(self):
        app = f"{{well_known: {{authorization_server: true}}, {WITH_ORIGIN}}}"
        assert page(app, "openid-configuration.preflight")["directResponse"] == {"status": 204}

    def test_needs_an_issuer(self):
        assert mistakes("{auth: null, open: true, well_known: {authorization_server: true}}") == [
            "apps.chatgpt-mcp.well_known.authorization_server: has no issuer to lead to; declare auth with one, or "
            "remove it (given: True)"
        ]


class TestTexts:
    @pytest.mark.parametrize(("said", "rule"), [("disallow", "Disallow"), ("allow", "Allow")])
    def test_robots(self, said: str, rule: str):
        route = page(f"{{well_known: {{robots: {said}}}}}", "robots")
        assert route["directResponse"]["body"]["string"] == f"User-agent: *\n{rule}: /\n"
        assert paths_of(route) == ["/robots.txt"]

    def test_security_is_a_page_of_rfc_9116_for_each_host(self):
        app = """{further_hosts: [{host: inside.example.org, gateway: internal}], well_known: {security: {
                  contact: ["mailto:s@example.com", "https://example.com/report"], expires: "2027-06-30",
                  policy: "https://example.com/policy"}}}"""
        built = mesh(app)
        for key, host in (
            ("chatgpt-mcp", "chatgpt-mcp.example.com"),
            ("chatgpt-mcp-inside-example-org", "inside.example.org"),
        ):
            http = manifest(built, f"VirtualService/chatgpt-production/{key}")["http"]
            [route] = [route for route in http if route["name"] == "chatgpt-mcp.well-known.security"]
            assert route["directResponse"]["body"]["string"] == (
                "Contact: mailto:s@example.com\nContact: https://example.com/report\nExpires: 2027-06-30T23:59:59Z\n"
                f"Canonical: https://{host}/.well-known/security.txt\nPolicy: https://example.com/policy\n"
            )
            assert paths_of(route) == ["/.well-known/security.txt", "/security.txt"]

    @pytest.mark.parametrize(
        ("days", "says"), [(15, None), (14, "expires in 14 days"), (0, "expires today"), (-1, "has expired")]
    )
    def test_security_warns_before_its_day(self, days: int, says: str | None):
        expires: date = TODAY + timedelta(days=days)
        security = {"security": {"contact": ["mailto:s@example.com"], "expires": expires}}
        stack = declaration()
        stack["apps"]["chatgpt-mcp"]["well_known"] = security
        found = [str(warning) for warning in warnings(MeshSpec.model_validate(stack), TODAY)]
        assert bool(found) == (says is not None)
        assert all(f"apps.chatgpt-mcp.well_known.security.expires: the page {says}" in sentence for sentence in found)

    def test_security_lasts_no_longer_than_two_years_and_has_a_contact(self):
        app = '{well_known: {security: {contact: [], expires: "2030-01-01"}}}'
        contact, expires = mistakes(app)
        assert contact.startswith("apps.chatgpt-mcp.well_known.security.contact: is empty")
        assert expires.startswith("apps.chatgpt-mcp.well_known.security.expires: is years away")


class TestMistakes:
    @pytest.mark.parametrize(
        ("well_known", "route"),
        [
            ("robots: allow", "/robots.txt"),
            ("authorization_server: true", "/.well-known/openid-configuration/mcp"),
            ('security: {contact: ["tel:1"], expires: "2027-01-01"}', "/security.txt"),
        ],
    )
    def test_a_path_that_a_route_has(self, well_known: str, route: str):
        [sentence] = mistakes(f"{{routes: [{{exact: {route}, auth: none}}], well_known: {{{well_known}}}}}")
        assert sentence.endswith(f"is answered at {route}, which routes.0 has; remove one of them")

    def test_the_path_of_the_mcp_endpoint(self):
        [sentence] = mistakes("{mcp: {path: /robots.txt}, well_known: {robots: allow}}")
        assert "is answered at /robots.txt, which mcp.path has" in sentence

    def test_a_host_whose_routes_flagger_makes(self):
        app = """{well_known: {robots: allow}, versions: {v1: {}, v2: {}},
                  rollout: {stable: v1, managed_by: flagger}}"""
        [sentence] = mistakes(app)
        assert sentence.startswith("apps.chatgpt-mcp.well_known: is answered by routes, and flagger makes the only")

    def test_an_app_without_a_host(self):
        other = "{inner: {namespace: inner, service: {port: 1}, well_known: {robots: allow}}}"
        [sentence] = mistakes(others=other)
        assert sentence.startswith("apps.inner.well_known: is answered by a gateway, and this app is on none")
