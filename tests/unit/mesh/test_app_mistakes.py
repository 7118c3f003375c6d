"""Mistakes in apps are told as sentences with their full path, all at once, whatever else failed to parse."""

from __future__ import annotations

import pytest

from chatgpt_mesh.mesh.specs.mesh import MeshSpec, problems
from tests.unit.mesh.stack import TODAY, declaration, mistakes

# Two versions and the beginning of a rollout; a test goes on from there.
ROLLOUT = "versions: {v1: {}, v2: {}}, rollout: {stable: v1"


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        (
            "{gateway: pubic}",
            "apps.chatgpt-mcp.gateway: is not a declared gateway; there are: public, internal (given: 'pubic')",
        ),
        (
            "{host: chatgpt.example.net}",
            "apps.chatgpt-mcp.host: no HTTPS listener of gateways.public serves it; they serve: *.example.com",
        ),
        ("{gateway: null}", "apps.chatgpt-mcp.gateway: is missing; an app with host needs it"),
        ("{auth: null}", "apps.chatgpt-mcp.auth: is missing: the MCP endpoint would be open to the internet"),
        ("{open: true}", "apps.chatgpt-mcp.open: contradicts auth"),
        ("{service: null}", "apps.chatgpt-mcp.mcp: needs the app's service"),
        ("{namespace: istio-system}", "apps.chatgpt-mcp.namespace: is Istio's root namespace"),
        ("{namespace: istio-ingress}", "apps.chatgpt-mcp.namespace: is the namespace of gateways.public"),
        ("{namespace: kube-system}", "apps.chatgpt-mcp.namespace: belongs to Kubernetes"),
        ("{mcp: null}", "apps.chatgpt-mcp: has a host and nothing on it"),
        ("{versions: {v1: {}, v2: {}}}", "apps.chatgpt-mcp.rollout: is missing; versions v1, v2 are declared"),
        ("{rollout: {stable: v1}}", "apps.chatgpt-mcp.versions: is missing"),
        (
            "{versions: {v1: {}, v2: {}}, rollout: {stable: v3}}",
            "rollout.stable: is not a declared version; versions declares: v1, v2 (given: 'v3')",
        ),
        (
            "{ROLLOUT, canary: {version: v9}}}",
            "rollout.canary.version: is not a declared version",
        ),
        (
            "{ROLLOUT, canary: {version: v1}}}",
            "rollout.canary.version: is the stable version",
        ),
        (
            "{ROLLOUT, canary: {version: v2, percent: 60, from_percent: 5, max_step: 20}}}",
            "rollout.canary.percent: goes up by 55 from 5, more than max_step 20; go to 25 first (given: 60)",
        ),
        (
            "{ROLLOUT, canary: {version: v2, pin: {}}}}",
            "rollout.canary.pin: needs exactly one of header and cookie",
        ),
        (
            "{mcp: {stateless: true}, versions: {v1: {open_sessions: keep}, v2: {}}, rollout: {stable: v1}}",
            "apps.chatgpt-mcp.versions.v1.open_sessions: is about MCP sessions, and this app keeps none",
        ),
        (
            "{versions: {v1: {}, v2: {open_sessions: end}}, "
            "rollout: {stable: v1, canary: {version: v2}, managed_by: argo-rollouts}}",
            "apps.chatgpt-mcp.versions.v2.open_sessions: is decided by argo-rollouts",
        ),
        (
            "{ROLLOUT, experiments: {a: {version: v2}}}}",
            "rollout.experiments.a: needs exactly one audience",
        ),
        (
            "{ROLLOUT, experiments: {a: {version: v2, gateway: internal}}}}",
            "rollout.experiments.a.gateway: this app is not on that gateway; it is on: public",
        ),
        (
            "{ROLLOUT, experiments: {a: {version: v2, claim: {name: aud, values: [x]}}}}}",
            "rollout.experiments.a.claim.name: decides whether the token is good at all",
        ),
        (
            "{ROLLOUT}, routes: [{exact: /t, methods: [POST], mirror: {version: v2}}]}",
            "apps.chatgpt-mcp.routes.0.mirror: copies only GET and HEAD; POST would run twice",
        ),
        ("{routes: [{exact: /a, prefix: /a/}]}", "apps.chatgpt-mcp.routes.0: needs exactly one of exact and prefix"),
        ("{routes: [{prefix: /a}]}", "routes.0.prefix: must end with '/'"),
        ("{mcp: {path: /}, routes: [{prefix: /}]}", "routes.0.prefix: is the MCP path, below which nothing"),
        ("{routes: [{exact: /a}, {exact: /a}]}", "routes.1.exact: routes.0 has this path already"),
        ("{routes: [{exact: /mcp}]}", "routes.0.exact: mcp.path has this path already"),
        (
            "{routes: [{exact: /a, to: {app: nobody}}]}",
            "routes.0.to.app: is not an app of this stack; there are: chatgpt-mcp",
        ),
        ("{routes: [{exact: /a, timeout: 700s}]}", "routes.0.timeout: is longer than longest_call (600s)"),
        (
            "{routes: [{exact: /a, respond: {status: 200}, timeout: 1s}]}",
            "routes.0.timeout: has no meaning beside respond",
        ),
        (
            "{resilience: {retries: {conditions: [5xx], idempotent: true}}}",
            "resilience.retries.conditions: tool calls would run more than once; keep connect-failure",
        ),
        (
            "{resilience: {retries: {per_try_timeout: 10s}}}",
            "resilience.retries.per_try_timeout: the MCP path carries event streams",
        ),
        (
            "{routes: [{exact: /a, timeout: 30s, retries: {attempts: 3, per_try_timeout: 10s}}]}",
            "routes.0.retries.per_try_timeout: 1 try and 3 retries take up to 40s, more than the route's timeout",
        ),
        (
            "{mcp: null, open: false, auth: null, resilience: {retries: {per_try_timeout: 20s}}, "
            "routes: [{exact: /a, timeout: 30s, auth: none}]}",
            "routes.0.timeout: is shorter than the 60s that resilience.retries may take",
        ),
        (
            "{routes: [{exact: /a, retries: {conditions: [reset]}}]}",
            "routes.0.retries.conditions: these conditions may run a request twice",
        ),
        ("{resilience: {outlier: {consecutive_5xx: 5}}}", "outlier.consecutive_gateway_errors: has no effect at 5"),
        ("{load_balancing: {hash: {header: x-a, query: b}}}", "load_balancing.hash: needs exactly one of"),
        (
            "{load_balancing: {locality: {}}, resilience: {outlier: null}}",
            "load_balancing.locality: has no effect without resilience.outlier",
        ),
        ('{cors: {origins: ["http://chatgpt.com"]}}', "cors.origins.0: must be https"),
        (
            "{versions: {v1: {}, v2: {}}, rollout: {stable: v1, experiments: {staff: {version: v2, percent: 5, "
            "claim: {name: org, values: [other]}}}}, "
            'auth: {issuers: [{issuer: "https://a.example.com", jwks_uri: https://k.example}], claims: {org: [acme]}}}',
            "rollout.experiments.staff.claim.values: are not let in: auth.claims accepts acme (given: 'other')",
        ),
        (
            "{versions: {v1: {}, v2: {}}, rollout: {stable: v1, experiments: {staff: {version: v2, percent: 5, "
            "claim: {name: scope, values: [use]}}}}, "
            'auth: {issuers: [{issuer: "https://a.example.com", jwks_uri: https://k.example}], scopes: [use]}}',
            "rollout.experiments.staff.claim.name: decides who is let in at all; choose another claim",
        ),
        ("{auth: {issuers: []}}", "apps.chatgpt-mcp.auth.issuers: is empty"),
        (
            "{auth: {subject_header: x-mcp-exp}}",
            "apps.chatgpt-mcp.auth.subject_header: is where a token's end is written",
        ),
        (
            '{auth: {issuers: [{issuer: "https://a.example.com"}]}}',
            "auth.issuers.0: needs exactly one of jwks, jwks_uri and jwks_file",
        ),
        (
            "{mcp: {era: legacy}, auth: {tools_from: header, tools: {execute_sql: {scope: s}}}}",
            "apps.chatgpt-mcp.auth.tools: the legacy era names the tool only in the body",
        ),
        ('{auth: {tools: {"execute sql": {scope: s}}}}', "auth.tools.execute sql: is no tool name"),
        ("{callers: [{}]}", "callers.0: needs exactly one of app and service_account"),
        (
            "{callers: [{app: nobody}]}",
            "callers.0.app: is not an app of this stack; there are: chatgpt-mcp (given: 'nobody')",
        ),
        (
            "{callers: [{service_account: chatgpt-frontnd}]}",
            "callers.0.service_account: no app of this stack runs as this account in chatgpt-production; there are",
        ),
        ("{faults: [{value: a, abort: 503}]}", "apps.chatgpt-mcp.faults: this stack does not allow fault injection"),
        ("{rate_limit: {requests: 5, counted: global}}", "rate_limit.counted: needs the rate limit service"),
        (
            "{auth: null, open: true, rate_limit: {requests: 5}}",
            "rate_limit.per: a subject is known only from a verified token",
        ),
        (
            "{ROLLOUT, managed_by: argo-rollouts}}",
            "rollout.canary: is missing; argo-rollouts moves weight",
        ),
        (
            "{ROLLOUT, managed_by: flagger, canary: {version: v2}}}",
            "rollout.canary: flagger decides the routes",
        ),
    ],
)
def test_one_mistake_is_one_sentence(app: str, sentence: str):
    found = mistakes(app.replace("ROLLOUT", ROLLOUT))
    assert any(sentence in mistake for mistake in found), found


class TestTwoApps:
    def test_cannot_own_one_host(self):
        other = """{copy: {namespace: other, host: chatgpt-mcp.example.com, gateway: public, service: {port: 1},
                   mcp: {}, open: true}}"""
        assert any("apps.copy.host: apps.chatgpt-mcp owns this host" in m for m in mistakes(others=other))

    def test_cannot_own_one_service(self):
        other = "{copy: {namespace: chatgpt-production, service: {name: chatgpt-mcp, port: 8080}}}"
        assert any("apps.copy.service.name: apps.chatgpt-mcp owns this service" in m for m in mistakes(others=other))

    def test_cannot_run_as_one_account(self):
        other = "{copy: {namespace: chatgpt-production, service_account: chatgpt-mcp}}"
        assert any("apps.copy.service_account: apps.chatgpt-mcp runs as it" in m for m in mistakes(others=other))

    def test_cannot_contradict_each_other_about_an_issuer(self):
        other = """{second: {namespace: other, host: second.example.com, gateway: public, service: {port: 1}, mcp: {},
                    auth: {issuers: [{issuer: "https://auth.example.com", jwks_uri: "https://auth.example.com/keys"}]}}}"""
        found = mistakes(others=other)
        assert any(
            "apps.second.auth.issuers.0.jwks_uri: differs from apps.chatgpt-mcp.auth.issuers.0" in m for m in found
        )


class TestParts:
    def test_a_part_that_did_not_parse_is_not_missed(self):
        """A misspelt key in one app must not make its callers look dangling."""
        spec = MeshSpec.model_validate(declaration("{callers: [{app: broken}], gateway: broken}"))
        known = spec.model_copy(update={"gateways": {}})
        assert [str(p) for p in problems(known, TODAY, {"apps.broken", "gateways"})] == []

    def test_what_parsed_is_checked_beside_it(self):
        spec = MeshSpec.model_validate(declaration("{callers: [{app: nobody}]}"))
        known = spec.model_copy(update={"gateways": {}})
        assert ["callers.0.app" in str(p) for p in problems(known, TODAY, {"gateways"})] == [True]
