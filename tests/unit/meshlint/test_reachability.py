"""Who can reach what, by the objects alone."""

from __future__ import annotations

import pytest

from meshlint.reachability.answer import answer
from meshlint.reachability.compare import changes
from meshlint.reachability.matrix import FOREIGN, Axes, callers_of, requests, rows, token_from
from meshlint.reachability.request import INTERNET, PLAINTEXT, Answer, Outcome, Request, Token
from tests.unit.meshlint.shop import ELSEWHERE, GOOD, HOST, SERVICE, SHOP, inside, mesh, outside, without


class TestFromOutside:
    @pytest.mark.parametrize(
        ("request_", "outcome", "status", "by"),
        [
            (outside(), "allowed", 200, "AuthorizationPolicy/apps/mcp"),
            (outside(token=None), "challenged", 401, "VirtualService/apps/mcp"),
            (outside(token=FOREIGN), "challenged", 401, "RequestAuthentication/edge/tokens"),
            (outside(token=token_from("forged")), "challenged", 401, "RequestAuthentication/edge/tokens"),
            (outside(token=ELSEWHERE), "challenged", 401, "VirtualService/apps/mcp"),
            (outside(method="DELETE"), "challenged", 401, "VirtualService/apps/mcp"),
            (outside("/metrics"), "denied", 404, "Gateway/edge/public"),
            (outside("/.well-known/oauth-protected-resource", "GET", None), "allowed", 200, "VirtualService/apps/mcp"),
            (outside(headers={"origin": "https://evil.example"}), "denied", 403, "AuthorizationPolicy/edge/origins"),
            (outside(headers={"origin": "https://chatgpt.com"}), "allowed", 200, "AuthorizationPolicy/apps/mcp"),
            (outside(port=80), "redirected", 301, "Gateway/edge/public"),
            (outside(port=8443), "denied", 0, "no Gateway"),
        ],
        ids=lambda value: str(value) if isinstance(value, Request) else None,
    )  # fmt: skip
    def test_an_answer_names_the_object_that_gives_it(
        self, request_: Request, outcome: str, status: int, by: str
    ) -> None:
        found = answer(mesh(), request_)
        assert (found.outcome, found.status, found.by) == (outcome, status, by)

    @pytest.mark.parametrize(
        ("port", "token", "status"), [(80, None, 404), (80, FOREIGN, 401), (443, None, 0), (443, FOREIGN, 0)]
    )
    def test_a_host_that_nobody_serves_meets_policies_where_no_tls_stops_it(
        self, port: int, token: Token | None, status: int
    ) -> None:
        assert answer(mesh(), Request(INTERNET, "unknown.example.com", "/", port=port, token=token)).status == status

    def test_the_token_of_a_preflight_is_not_looked_at(self) -> None:
        asks = {"origin": "https://chatgpt.com", "access-control-request-method": "POST"}
        found = answer(mesh(), outside(method="OPTIONS", token=FOREIGN, headers=asks))
        assert found.by == "VirtualService/apps/mcp"

    @pytest.mark.parametrize(
        ("environment", "outcome"),
        [("", Outcome.REDIRECTED), ('PILOT_SCOPE_GATEWAY_TO_NAMESPACE: "true"', Outcome.DENIED)],
    )
    def test_a_gateway_of_another_namespace_opens_pods_unless_istiod_keeps_them_apart(
        self, environment: str, outcome: Outcome
    ) -> None:
        elsewhere = (
            SHOP
            + f"""---
apiVersion: v1
kind: HelmValues
metadata: {{name: istiod}}
values: {{env: {{{environment}}}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: stranger, namespace: apps}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - {{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [stranger.example.com], tls: {{httpsRedirect: true}}}}
"""
        )
        asked = Request(INTERNET, "stranger.example.com", "/", port=80)
        assert answer(mesh(elsewhere), asked).outcome is outcome
        assert answer(mesh(elsewhere), outside()).outcome is Outcome.ALLOWED

    def test_a_gateway_may_ask_for_a_certificate(self) -> None:
        mutual = mesh(SHOP.replace("mode: SIMPLE", "mode: MUTUAL"))
        assert answer(mutual, outside()).status == 0
        assert answer(mutual, outside(client_certificate=True)).outcome is Outcome.ALLOWED

    def test_a_routes_host_has_to_be_open_to_its_namespace(self) -> None:
        assert answer(mesh(SHOP.replace("apps/mcp.example.com", "other/mcp.example.com")), outside()).status == 404

    def test_a_host_may_fall_under_a_wildcard(self) -> None:
        wide = SHOP.replace("apps/mcp.example.com", "*.example.com").replace(
            "hosts: [mcp.example.com]\n  gateways", 'hosts: ["*.example.com"]\n  gateways'
        )
        assert answer(mesh(wide), outside(token=None)).outcome is Outcome.CHALLENGED

    @pytest.mark.parametrize(("rule", "status"), [("", 299), ("forwardOriginalToken: true", 401)])
    def test_a_verified_token_that_is_not_forwarded_is_no_header_to_routes(self, rule: str, status: int) -> None:
        """As for Envoy, which takes it off before it routes; Istio's default is to take it off."""
        route = """  - name: without
    match: [{withoutHeaders: {authorization: {}}}]
    directResponse: {status: 299}
"""
        text = SHOP.replace("audiences: []", f"audiences: []\n    {rule}")
        text = text.replace("  http:\n", "  http:\n" + route, 1)
        nobody = Token({"iss": "https://auth.example.com", "aud": "elsewhere"})
        assert answer(mesh(text), outside(token=None)).status == 299
        assert answer(mesh(text), outside(token=nobody)).status == status

    def test_audiences_are_compared_as_loosely_as_envoy_does(self) -> None:
        loose = mesh(SHOP.replace("audiences: []", "audiences: [mcp.example.com/mcp/]"))
        assert answer(loose, outside()).outcome is Outcome.ALLOWED
        strict = mesh(SHOP.replace("audiences: []", "audiences: [elsewhere.example.com]"))
        assert answer(strict, outside()) == Answer(
            Outcome.DENIED, 403, "RequestAuthentication/edge/tokens", "the token is for another audience"
        )

    def test_the_policy_of_the_app_sees_the_gateways_identity(self) -> None:
        renamed = mesh(SHOP.replace("sa/istio-ingressgateway]", "sa/istio-ingressgateway-service-account]"))
        assert answer(renamed, outside()).status == 403


HTTP_PORT = "{name: http, number: 8080, protocol: HTTP}"


class TestInside:
    def test_a_listed_caller_passes_and_every_other_is_denied(self) -> None:
        assert answer(mesh(), inside("apps/frontend")).by == "AuthorizationPolicy/apps/mcp"
        assert answer(mesh(), inside("apps/mcp")).status == 403
        assert answer(mesh(), inside("elsewhere/frontend")).status == 403
        assert answer(mesh(), inside("apps/frontend", "/metrics")).status == 403
        assert answer(mesh(), inside("apps/frontend", method="GET")).status == 403

    def test_plaintext_is_reset_where_mtls_is_strict_and_meets_the_policies_where_it_is_not(self) -> None:
        assert answer(mesh(), inside(PLAINTEXT)).status == 0
        assert answer(mesh(without("PeerAuthentication", "default")), inside(PLAINTEXT)).status == 403

    def test_a_port_of_a_pod_can_be_opened_to_plaintext(self) -> None:
        opened = mesh(
            SHOP
            + """
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mcp, namespace: apps}
spec: {selector: {matchLabels: {app: mcp}}, mtls: {mode: STRICT}, portLevelMtls: {9000: {mode: PERMISSIVE}}}
"""
        )
        assert answer(opened, inside(PLAINTEXT)).status == 403

    def test_without_any_policy_everything_passes_and_the_answer_says_so(self) -> None:
        open_mesh = mesh(without("AuthorizationPolicy", "allow-nothing"))
        foreign = Request("apps/mcp", "frontend.apps.svc.cluster.local", port=80)
        found = answer(open_mesh, foreign)
        assert (found.outcome, found.by) == (Outcome.ALLOWED, "no AuthorizationPolicy")

    def test_a_service_that_the_objects_do_not_show_is_assumed_and_said_so(self) -> None:
        found = answer(mesh(without("Service", "mcp")), Request("apps/frontend", SERVICE, "/mcp", "POST", port=9000))
        assert found.outcome is Outcome.ALLOWED
        assert "are assumed" in found.why

    def test_a_sidecar_hides_what_it_does_not_list(self) -> None:
        scoped = mesh(
            SHOP
            + """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: frontend, namespace: apps}
spec:
  workloadSelector: {labels: {app: frontend}}
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress: [{hosts: ["istio-system/*"]}]
"""
        )
        assert answer(scoped, inside("apps/frontend")).by == "Sidecar/apps/frontend"

    @pytest.mark.parametrize(
        ("listed", "status"),
        [
            ("kind: Service, spec: {ports: [{name: http, port: 8080}]}", 502),
            ("kind: Service, spec: {ports: [{name: tcp, port: 8080}]}", 0),
            (f'kind: ServiceEntry, spec: {{hosts: [known.example.com], exportTo: ["*"], ports: [{HTTP_PORT}]}}', 502),
            (f"kind: ServiceEntry, spec: {{hosts: [known.example.com], exportTo: [team], ports: [{HTTP_PORT}]}}", 0),
        ],
    )
    def test_what_is_hidden_is_answered_only_where_a_sidecar_reads_requests(self, listed: str, status: int) -> None:
        version = "networking.istio.io/v1" if "Entry" in listed else "v1"
        scoped = mesh(
            SHOP
            + f"""
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: apps}}
spec: {{outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}, egress: [{{hosts: ["known/*"]}}]}}
---
{{apiVersion: {version}, metadata: {{name: known, namespace: known}}, {listed}}}
"""
        )
        assert answer(scoped, inside("apps/frontend")).status == status

    def test_a_route_may_delegate_to_another_virtual_service(self) -> None:
        delegating = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp-mesh, namespace: apps}
spec: {hosts: [mcp], http: [{delegate: {name: mcp-rollout}}]}
"""
        rollout = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mcp-rollout, namespace: apps}
spec: {http: [{match: [{uri: {exact: /mcp}}], route: [{destination: {host: mcp, port: {number: 8080}}}]}]}
"""
        assert answer(mesh(SHOP + delegating), inside("apps/frontend")).status == 404
        assert answer(mesh(SHOP + delegating + rollout), inside("apps/frontend")).outcome is Outcome.ALLOWED
        assert answer(mesh(SHOP + delegating + rollout), inside("apps/frontend", "/x")).status == 404

    def test_pods_may_refuse_escaped_slashes(self) -> None:
        refusing = """
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: mcp-paths, namespace: apps}
spec:
  workloadSelector: {labels: {app: mcp}}
  configPatches:
  - applyTo: NETWORK_FILTER
    match: {context: SIDECAR_INBOUND}
    patch: {operation: MERGE, value: {typed_config: {path_with_escaped_slashes_action: REJECT_REQUEST}}}
"""
        assert answer(mesh(), inside("apps/frontend", "/mcp%2Fx")).status == 403
        assert answer(mesh(SHOP + refusing), inside("apps/frontend", "/mcp%2Fx")).status == 400


class TestSpelling:
    """A proxy reads hosts and paths before it looks for a route or a policy."""

    def test_the_case_of_a_host_means_nothing(self) -> None:
        assert answer(mesh(), Request(INTERNET, HOST.upper(), "/mcp", "POST", token=GOOD)).outcome is Outcome.ALLOWED

    @pytest.mark.parametrize("path", ["/%6dcp", "/./mcp", "/x/../mcp", "/x\\..\\mcp", "/%2e/mcp", "/x/%2E%2e/mcp"])
    def test_a_path_is_normalized(self, path: str) -> None:
        assert answer(mesh(), outside(path)).outcome is Outcome.ALLOWED
        assert answer(mesh(), inside("apps/frontend", path)).outcome is Outcome.ALLOWED

    @pytest.mark.parametrize("path", ["//mcp", "/mcp%2f..", "/mcp/..", "/mcp/.", "/MCP", "/%256dcp"])
    def test_other_paths_stay_others(self, path: str) -> None:
        assert answer(mesh(), outside(path)).status == 404

    def test_a_query_is_no_part_of_a_path(self) -> None:
        assert answer(mesh(), outside("/mcp?a=/../b")).outcome is Outcome.ALLOWED
        assert answer(mesh(), inside("apps/frontend", "/mcp?a=/../b")).outcome is Outcome.ALLOWED

    def test_an_encoded_nul_is_a_bad_request(self) -> None:
        assert answer(mesh(), outside("/mcp%00")).status == 400
        assert answer(mesh(), inside("apps/frontend", "/mcp%00")).status == 400

    @pytest.mark.parametrize(
        ("mode", "path"), [("MERGE_SLASHES", "//mcp"), ("DECODE_AND_MERGE_SLASHES", "/x%2f..%2fmcp"), ("NONE", "/mcp")]
    )
    def test_a_mesh_may_normalize_more_or_less(self, mode: str, path: str) -> None:
        settings = f"""
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data: {{mesh: "pathNormalization: {{normalization: {mode}}}"}}
"""
        assert answer(mesh(SHOP + settings), outside(path)).outcome is Outcome.ALLOWED
        assert answer(mesh(SHOP + settings), outside("/%6dcp")).status == (404 if mode == "NONE" else 200)


class TestMatrix:
    def test_everybody_whom_the_objects_know_is_asked_about(self) -> None:
        assert callers_of(mesh()) == [INTERNET, PLAINTEXT, "apps/frontend", "apps/mcp"]

    def test_methods_with_the_same_answer_share_a_row(self) -> None:
        axes = Axes(callers=[INTERNET], hosts=[HOST], paths=["/mcp"], tokens=[GOOD])
        table = rows(mesh(), requests(mesh(), axes))
        assert [(row.methods, row.answer.outcome.value) for row in table] == [
            (("GET", "POST"), "allowed"),
            (("DELETE",), "challenged"),
        ]

    def test_a_token_is_written_as_claims(self) -> None:
        assert token_from("none") is None
        assert token_from("iss=a,aud=b,scope=c d") == Token({"sub": "somebody", "iss": "a", "aud": "b", "scope": "c d"})
        with pytest.raises(ValueError, match="'x' is no claim"):
            token_from("x")


class TestCompare:
    def test_the_same_mesh_changes_nothing(self) -> None:
        assert changes(mesh(), mesh()) == []

    def test_what_is_opened_comes_first_and_reads_as_a_sentence(self) -> None:
        opened = SHOP.replace("methods: [POST], paths: [/mcp]", "methods: [GET], paths: [/metrics]")
        found = changes(mesh(), mesh(opened))
        assert [(change.opens, change.request.path) for change in found] == [(True, "/metrics"), (False, "/mcp")]
        assert str(found[0]).startswith(
            "GET http://mcp.apps.svc.cluster.local:8080/metrics from apps/frontend was denied with 403 by "
            "AuthorizationPolicy/apps/allow-nothing, AuthorizationPolicy/apps/mcp (no ALLOW rule takes the request); "
            "now it is allowed by AuthorizationPolicy/apps/mcp (its rule 1 takes the request)."
        )

    def test_a_policy_that_goes_is_told_by_whose_answers_change(self) -> None:
        found = changes(mesh(), mesh(without("PeerAuthentication", "default")))
        assert {(change.request.caller, change.before.status, change.now.status) for change in found} == {
            (PLAINTEXT, 0, 403)
        }
