"""What a platform's stack grants: mistakes of a grant, and what stands at the gateways for it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from chatgpt_mesh.mesh.objects.grants import host_pattern
from tests.surroundings import surroundings
from tests.unit.team_stack import (
    BILLING,
    ISSUER,
    TRAVEL,
    app,
    exported,
    manifests,
    mistakes,
    platform,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path / "machine"):
        yield


def grants(billing: dict[str, Any] | None = None, travel: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "billing": {**copy.deepcopy(BILLING), **(billing or {})},
        "travel": {**copy.deepcopy(TRAVEL), **(travel or {})},
    }


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "host-of-two": (
        grants(travel={"hosts": ["travel.billing.example.com"]}),
        "grants.travel.hosts[0]",
        "overlaps *.billing.example.com of grants.billing",
    ),
    "wildcard-over-a-host": (
        grants(travel={"hosts": ["*.example.com"]}),
        "grants.travel.hosts[0]",
        "overlaps *.billing.example.com of grants.billing",
    ),
    "namespace-of-two": (
        grants(travel={"namespaces": ["billing"]}),
        "grants.travel.namespaces[0]",
        "is granted to grants.billing too",
    ),
    "account-of-two": (
        grants(travel={"accounts": BILLING["accounts"]}),
        "grants.travel.accounts[0]",
        "is granted to grants.billing too",
    ),
    "gateway-that-is-not-there": (grants({"gateways": ["inner"]}), "grants.billing.gateways[0]", "there are: public"),
    "no-gateway": (grants({"gateways": []}), "grants.billing.gateways", "is missing"),
    "host-that-no-listener-has": (
        grants({"hosts": ["billing.example.org"]}),
        "grants.billing.hosts[0]",
        "no HTTPS listener of gateways.public serves it",
    ),
    "namespace-of-the-gateway": (
        grants({"namespaces": ["istio-ingress"]}),
        "grants.billing.namespaces[0]",
        "it is that of gateways.public",
    ),
    "root-namespace": (
        grants({"namespaces": ["istio-system"]}),
        "grants.billing.namespaces[0]",
        "holds for the whole mesh",
    ),
    "issuer-without-keys": (
        grants({"issuers": [{"issuer": ISSUER}]}),
        "grants.billing.issuers[0]",
        "exactly one of jwks",
    ),
    "nobody": (grants({"accounts": [{}]}), "grants.billing.accounts[0]", "exactly one of user, group"),
    "two-at-once": (
        grants({"accounts": [{"user": "a@example.com", "group": "b@example.com"}]}),
        "grants.billing.accounts[0]",
        "it says: user, group",
    ),
    "account-without-namespace": (
        grants({"accounts": [{"service_account": "deploy"}]}),
        "grants.billing.accounts[0].namespace",
        "goes with service_account",
    ),
    "everybody": (
        grants({"accounts": [{"group": "system:authenticated"}]}),
        "grants.billing.accounts[0].group",
        "or is everybody",
    ),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_a_wrong_grant_is_refused(what: str) -> None:
    given, path, sentence = WRONG[what]
    assert sentence in mistakes(platform(grants=given))[path]


@pytest.mark.parametrize(
    ("namespace", "sentence"), [("travel", "is granted to grants.travel"), ("kube-system", "Kubernetes")]
)
def test_who_deploys_is_of_no_namespace_of_others(namespace: str, sentence: str) -> None:
    found = mistakes(platform(grants=grants({"accounts": [{"service_account": "deploy", "namespace": namespace}]})))
    assert sentence in found["grants.billing.accounts[0].namespace"]


@pytest.mark.parametrize("host", ["trips.travel.svc.cluster.local", "metadata.google.internal"])
def test_names_of_the_inside_are_no_way_out(host: str) -> None:
    found = mistakes(platform(grants=grants({"egress": [host]})))
    assert "is a name of the inside" in found["grants.billing.egress[0]"]


def test_an_egress_gateway_is_entered_by_nobody() -> None:
    stack = platform(grants=grants({"gateways": ["public", "out"]}))
    stack["gateways"]["out"] = {"kind": "egress"}
    assert "is an egress gateway" in mistakes(stack)["grants.billing.gateways[1]"]


def test_hosts_and_namespaces_of_apps_of_the_platform_are_no_teams() -> None:
    keys = {"issuers": BILLING["issuers"]}
    found = mistakes(platform(apps={"status": app(auth=keys)}))
    assert "apps.status of this stack owns" in found["grants.billing.hosts[0]"]
    assert "apps of this stack run there (apps.status)" in found["grants.billing.namespaces[0]"]


def test_an_issuer_has_the_same_keys_for_everybody_at_a_gateway() -> None:
    other = [{"issuer": ISSUER, "jwks_uri": "https://auth.example.com/keys"}]
    found = mistakes(platform(grants=grants(travel={"issuers": other})))
    assert "verifies this issuer for both" in found["grants.travel.issuers[0].jwks_uri"]


def test_only_the_teams_namespace_may_bind_its_hosts() -> None:
    servers = manifests(platform())["Gateway/istio-ingress/public"]["spec"]["servers"]
    assert servers[0]["hosts"] == ["billing/*.billing.example.com", "travel/travel.example.com"]
    assert servers[1]["hosts"] == ["*.billing.example.com", "travel.example.com"]


def test_the_gateway_verifies_tokens_of_the_grants_issuers() -> None:
    found = manifests(platform())
    (rule,) = found["RequestAuthentication/istio-ingress/public-tokens"]["spec"]["jwtRules"]
    assert rule["issuer"] == ISSUER
    assert {"header": "x-mcp-sub", "claim": "sub"} in rule["outputClaimToHeaders"]
    assert "TrafficExtension/istio-ingress/public-sessions" in found


def test_the_gateway_answers_and_refuses_for_hosts_of_the_grants_alone() -> None:
    text = str(manifests(platform())["EnvoyFilter/istio-ingress/public-http"]["spec"])
    assert "mcp.granted-token-expiry" in text
    assert "https://%REQ(:AUTHORITY)%/.well-known/oauth-protected-resource" in text
    without = str(manifests(platform(grants={}))["EnvoyFilter/istio-ingress/public-http"]["spec"])
    assert "granted" not in without
    assert "AUTHORITY" not in without


def test_a_teams_namespace_denies_by_default() -> None:
    found = manifests(platform())
    for namespace in ("billing", "travel"):
        assert "rules" not in found[f"AuthorizationPolicy/{namespace}/allow-nothing"].get("spec", {})
        assert found[f"EnvoyFilter/{namespace}/paths"]


def test_the_pattern_of_hosts_takes_in_what_the_grant_does() -> None:
    import re

    pattern = re.compile(host_pattern(["*.billing.example.com", "travel.example.com"]))
    for host in ("a.billing.example.com", "a.b.billing.example.com:443", "TRAVEL.example.com"):
        assert pattern.fullmatch(host), host
    for host in ("billing.example.com", "evilbilling.example.com", "a.travel.example.com", 'x".billing.example.com'):
        assert not pattern.fullmatch(host), host


def test_the_outputs_carry_the_contract_and_no_accounts() -> None:
    found = exported()["grants"]
    assert found["billing"] == {
        name: BILLING[name] for name in ("namespaces", "hosts", "gateways", "issuers", "egress")
    }
    assert "deploy" not in str(found)
