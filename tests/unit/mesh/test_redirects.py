"""Redirects: a whole host to the main one, a path to another, and no answer that says 301 and not where to."""

from __future__ import annotations

import pytest

from meshlint.reachability.request import Outcome
from tests.unit.mesh.stack import asked, manifest, mesh, mistakes, routes

OLD_HOST = "{further_hosts: [{host: old.example.com, gateway: public, redirect: 301}]}"
OLD = "VirtualService/chatgpt-production/chatgpt-mcp-old-example-com"


class TestAHost:
    def test_leads_every_request_to_the_main_host_with_path_and_query(self):
        """Neither uri nor authority of the request is named, so Envoy keeps them."""
        [route] = manifest(mesh(OLD_HOST), OLD)["http"]
        assert route == {
            "name": "chatgpt-mcp.redirect",
            "redirect": {"authority": "chatgpt-mcp.example.com", "scheme": "https", "redirectCode": 301},
        }

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    @pytest.mark.parametrize("path", ["/", "/mcp", "/.well-known/oauth-protected-resource/mcp"])
    def test_is_predicted(self, path: str, method: str):
        found = asked(mesh(OLD_HOST), path, method, "old.example.com")
        assert (found.outcome, found.status, found.by) == (Outcome.REDIRECTED, 301, OLD)

    def test_names_the_port_of_the_main_host(self):
        gateways = """
        public: {kind: public, listeners: {https: {port: 8443, hosts: ["*.example.com"], tls: {secret: edge}}}}
        """
        [route] = manifest(mesh(OLD_HOST, gateways=gateways), OLD)["http"]
        assert route["redirect"]["port"] == 8443

    def test_opens_the_app_to_nobody(self):
        """No ALLOW, no challenge and no issuer for a host that leads nowhere but away."""
        policy = manifest(mesh(OLD_HOST), "AuthorizationPolicy/chatgpt-production/chatgpt-mcp-callers")
        assert "old.example.com" not in str(policy)
        assert "old" not in str(manifest(mesh(OLD_HOST), "EnvoyFilter/istio-ingress/public-http"))

    def test_still_refuses_foreign_origins(self):
        policy = manifest(mesh(OLD_HOST), "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge")
        assert "old.example.com" in policy["rules"][0]["to"][0]["operation"]["hosts"]

    def test_is_the_programs_where_flagger_has_the_others(self):
        app = f"{{versions: {{v1: {{}}}}, rollout: {{stable: v1, managed_by: flagger}}, {OLD_HOST[1:]}"
        assert manifest(mesh(app), OLD)["http"]
        edge = manifest(mesh(app), "AuthorizationPolicy/istio-ingress/chatgpt-mcp-edge")
        assert "old.example.com" not in str(edge["rules"][1:]), "whoever asks there without a token is led on"

    def test_needs_a_main_host(self):
        [sentence] = mistakes("{host: null, gateway: null, " + OLD_HOST[1:])
        assert sentence.startswith("apps.chatgpt-mcp.host: is missing; a further host")


class TestAPath:
    def test_leads_to_another_path_and_other_methods_are_refused(self):
        built = mesh("{routes: [{exact: /old, redirect: {path: /new, status: 302}}]}")
        assert routes(built)["old"]["redirect"] == {"uri": "/new", "scheme": "https", "redirectCode": 302}
        assert asked(built, "/old?a=b").status == 302
        assert asked(built, "/old", "POST").status == 405

    def test_leads_to_another_host_and_the_path_is_kept(self):
        built = mesh("{routes: [{prefix: /docs/, redirect: {host: docs.example.org}}]}")
        redirect = routes(built)["docs-prefix"]["redirect"]
        assert redirect == {"authority": "docs.example.org", "scheme": "https", "redirectCode": 308}
        assert asked(built, "/docs/a").status == 308

    def test_keeps_its_headers(self):
        built = mesh(
            "{routes: [{exact: /old, redirect: {path: /new}, headers: {response: {set: {cache-control: no-store}}}}]}"
        )
        assert routes(built)["old"]["headers"] == {"response": {"set": {"cache-control": "no-store"}}}

    @pytest.mark.parametrize(
        ("route", "beginning"),
        [
            ("{exact: /a, redirect: {}}", "redirect: leads nowhere"),
            ("{exact: /a, redirect: {path: /a}}", "redirect: leads back"),
            ("{exact: /a, redirect: {host: chatgpt-mcp.example.com}}", "redirect: leads back"),
            ("{prefix: /a/, redirect: {path: /a/b}}", "redirect: leads back"),
            ("{exact: /a, redirect: {path: /b}, timeout: 1s}", "timeout: has no meaning beside redirect"),
            ("{exact: /a, redirect: {path: /b}, respond: {status: 200}}", "redirect: has no meaning beside respond"),
        ],
    )
    def test_that_leads_nowhere_is_refused(self, route: str, beginning: str):
        [sentence] = mistakes(f"{{routes: [{route}]}}")
        assert sentence.startswith(f"apps.chatgpt-mcp.routes.0.{beginning}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_answer_with_the_status_of_a_redirect_says_where_to(status: int):
    [sentence] = mistakes(f"{{routes: [{{exact: /a, respond: {{status: {status}}}}}]}}")
    assert sentence.startswith("apps.chatgpt-mcp.routes.0.respond.status: is a redirect, and no location says where to")
    located = f"{{exact: /a, respond: {{status: {status}}}, headers: {{response: {{set: {{location: /b}}}}}}}}"
    assert not mistakes(f"{{routes: [{located}]}}")
