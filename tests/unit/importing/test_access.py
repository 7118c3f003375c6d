"""What policies, tokens and the way out of the mesh become, and what cannot stand beside the declaration."""

from __future__ import annotations

import pytest

from tests.unit.importing import inputs
from tests.unit.importing.inputs import ROUTES, TO_CART, cart, declared, says, shop, told

pytestmark = pytest.mark.unit

POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
spec:
  selector: {{matchLabels: {{app: cart}}}}
  {spec}
"""


class TestPolicies:
    def test_who_may_call_is_a_caller(self) -> None:
        spec = """rules:
    - from: [{source: {principals: [cluster.local/ns/shop/sa/checkout, cluster.local/ns/bank/sa/till]}}]
      to: [{operation: {methods: [GET], paths: [/cart, /items/*]}}]"""
        found = declared(shop(POLICY.format(spec=spec)))
        assert cart(found)["callers"] == [
            {"app": "checkout", "paths": ["/cart", "/items/"], "methods": ["GET"]},
            {"service_account": "till", "namespace": "bank", "paths": ["/cart", "/items/"], "methods": ["GET"]},
        ]

    @pytest.mark.parametrize(
        "spec",
        [
            "rules: [{from: [{source: {namespaces: [shop]}}]}]",
            "rules: [{from: [{source: {principals: ['*']}}]}]",
            "rules: [{from: [{source: {principals: [a/ns/shop/sa/checkout]}}], when: [{key: a, values: [b]}]}]",
            "rules: [{to: [{operation: {methods: [GET]}}]}]",
            "rules: [{from: [{source: {principals: [a/ns/shop/sa/checkout]}}], to: [{operation: {hosts: [a.b]}}]}]",
        ],
    )
    def test_a_rule_that_says_more_stays_a_policy_and_lets_in_whom_it_let_in(self, spec: str) -> None:
        found = declared(shop(POLICY.format(spec=spec)))
        assert "callers" not in cart(found)
        assert "AuthorizationPolicy" in [one["kind"] for one in found.rest]

    def test_deny_stays_and_the_declaration_takes_it(self) -> None:
        spec = "action: DENY\n  rules: [{to: [{operation: {paths: [/admin*]}}]}]"
        found = declared(shop(POLICY.format(spec=spec)))
        assert [one["kind"] for one in found.values["objects"]] == ["AuthorizationPolicy"]

    def test_nothing_allowed_is_the_default(self) -> None:
        found = declared(shop("{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, spec: {}}"))
        assert says(found, "", "AuthorizationPolicy/shop/it: everything is denied that is not declared")

    def test_issuers_of_an_app_with_a_host_are_its_own(self) -> None:
        tokens = """
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
spec:
  selector: {matchLabels: {app: cart}}
  jwtRules: [{issuer: "https://a.example", jwksUri: "https://a.example/keys", audiences: [cart]}]
"""
        found = declared(shop(ROUTES.format(http=f"- {TO_CART}") + tokens))
        assert cart(found)["auth"]["issuers"] == [
            {
                "issuer": "https://a.example", "jwks_uri": "https://a.example/keys", "audiences": ["cart"],
                "forward_token": False,
            }
        ]  # fmt: skip
        assert says(found, "", "here every route asks for one")
        inside = declared(shop(tokens))
        assert "auth" not in cart(inside)
        assert "RequestAuthentication" in [one["kind"] for one in inside.rest]

    def test_plaintext_is_told_and_strict_is_declared(self) -> None:
        mode = "{{apiVersion: security.istio.io/v1, kind: PeerAuthentication, spec: {{mtls: {{mode: {}}}}}}}"
        assert says(declared(shop(mode.format("PERMISSIVE"))), "spec.mtls.mode", "security.exceptions")
        assert told(declared(shop(mode.format("STRICT")))) == []


class TestEgress:
    ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
spec: {hosts: [api.partner.example], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}
"""

    def test_a_host_is_a_destination_of_every_app_that_saw_it(self) -> None:
        found = declared(shop(self.ENTRY))
        assert found.values["egress"] == {
            "via": "sidecar",
            "allow": [{"host": "api.partner.example", "port": 443, "from": ["cart", "checkout"]}],
        }
        assert says(found, "", "every app that saw api.partner.example may call it: cart, checkout")

    def test_tls_that_the_mesh_opens(self) -> None:
        found = declared(
            shop(
                self.ENTRY.replace("number: 443, name: tls, protocol: TLS", "number: 80, name: http, protocol: HTTP")
                + """---
apiVersion: networking.istio.io/v1
kind: DestinationRule
spec: {host: api.partner.example, trafficPolicy: {tls: {mode: SIMPLE}}}
"""
            )
        )
        (destination,) = found.values["egress"]["allow"]
        assert (destination["port"], destination["originate_tls"]) == (443, {"app_port": 80})

    def test_an_entry_with_addresses_stays(self) -> None:
        found = declared(
            shop(self.ENTRY.replace("resolution: DNS", "resolution: STATIC, endpoints: [{address: 1.2.3.4}]"))
        )
        assert "egress" not in found.values
        assert "ServiceEntry" in [one["kind"] for one in found.rest]

    def test_a_way_through_an_egress_gateway_is_the_products(self) -> None:
        found = declared(inputs.read(*sorted(inputs.GUIDE.glob("1[5-8]*.yaml"))))
        assert found.values["egress"]["allow"][0]["host"] == "api.openai.com"
        assert found.values["gateways"]["egress"] == {"kind": "egress"}


def test_a_second_owner_in_the_mesh_is_told_and_not_written() -> None:
    """Istio would take one of two, and nobody says which."""
    sidecar = "{apiVersion: networking.istio.io/v1, kind: Sidecar, spec: {egress: [{hosts: ['./*']}]}}"
    found = declared(shop(sidecar))
    assert says(found, "", "Sidecar/shop/it: Istio takes one Sidecar per workload")
    assert "Sidecar" not in [one["kind"] for one in found.rest]


def test_a_second_telemetry_of_the_whole_mesh_is_told() -> None:
    telemetry = (
        "{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: all, namespace: istio-system}, "
        "spec: {accessLogging: [{providers: [{name: envoy}]}]}}"
    )
    found = declared(shop(telemetry))
    assert says(found, "", "Telemetry/istio-system/all: Istio takes one Telemetry for the whole mesh")
    assert "Telemetry" not in [one["kind"] for one in found.rest]
