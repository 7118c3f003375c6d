"""A team's stack: what it becomes, and every way in which it may not go beyond its grant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.surroundings import surroundings
from tests.unit.team_stack import PLATFORM, app, exported, manifests, mistakes, team

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN_KINDS = {"VirtualService", "DestinationRule", "AuthorizationPolicy", "ServiceEntry"}


@pytest.fixture
def outputs(tmp_path: Path) -> Iterator[Path]:
    with surroundings(tmp_path / "machine"):
        path = tmp_path / "outputs.json"
        path.write_text(json.dumps(exported()), encoding="utf-8")
        yield path


def test_everything_stands_in_its_own_namespace_and_is_of_the_four_kinds(outputs: Path) -> None:
    egress = {"allow": [{"host": "api.stripe.com", "from": ["invoices"]}]}
    found = manifests(team(outputs, egress=egress))
    assert {one["metadata"]["namespace"] for one in found.values()} == {"billing"}
    assert {one["kind"] for one in found.values()} == OWN_KINDS


def test_nothing_is_seen_by_others_than_it_concerns(outputs: Path) -> None:
    egress = {"allow": [{"host": "api.stripe.com", "from": ["invoices"]}]}
    found = manifests(team(outputs, egress=egress))
    seen = {key: one["spec"].get("exportTo") for key, one in found.items() if one["kind"] != "AuthorizationPolicy"}
    assert seen == {
        "VirtualService/billing/invoices": ["istio-ingress"],
        "VirtualService/billing/invoices-mesh": ["."],
        "DestinationRule/billing/invoices": [".", "istio-ingress"],
        "ServiceEntry/billing/egress-api-stripe-com": ["."],
    }


def test_foreign_origins_and_denied_subjects_are_refused_before_all_routes(outputs: Path) -> None:
    auth = {"issuers": [{"issuer": "https://auth.example.com"}], "deny_subjects": ["mallory"]}
    found = manifests(team(outputs, apps={"invoices": app(auth=auth)}))
    origin, subject, *_ = found["VirtualService/billing/invoices"]["spec"]["http"]
    assert origin["directResponse"]["status"] == subject["directResponse"]["status"] == 403
    (match,) = origin["match"]
    assert match["withoutHeaders"] == {"origin": {"exact": "https://chatgpt.com"}}
    (match,) = subject["match"]
    assert match["headers"] == {"@request.auth.claims[sub]": {"exact": "mallory"}}


def test_the_gateways_identity_comes_from_the_outputs(outputs: Path) -> None:
    policy = manifests(team(outputs))["AuthorizationPolicy/billing/invoices-callers"]
    (source,) = policy["spec"]["rules"][0]["from"]
    assert source["source"]["principals"] == ["cluster.local/ns/istio-ingress/sa/istio-ingressgateway"]


BEYOND: dict[str, tuple[dict[str, Any], str, str]] = {
    "namespace": (
        {"apps": {"invoices": app(namespace="travel")}},
        "apps.invoices.namespace",
        "granted are namespaces: billing; ask the owners of acme/platform/prod to add it to grants.billing.namespaces",
    ),
    "host": (
        {"apps": {"invoices": app(host="travel.example.com")}},
        "apps.invoices.host",
        "granted are hosts: *.billing.example.com; ask the owners of acme/platform/prod to add it to "
        "grants.billing.hosts (given: 'travel.example.com')",
    ),
    "further-host": (
        {"apps": {"invoices": app(further_hosts=[{"host": "www.example.com", "gateway": "public"}])}},
        "apps.invoices.further_hosts[0].host",
        "to grants.billing.hosts",
    ),
    "gateway": (
        {"apps": {"invoices": app(gateway="internal")}},
        "apps.invoices.gateway",
        "is not a declared gateway; there are: public",
    ),
    "issuer": (
        {"apps": {"invoices": app(auth={"issuers": [{"issuer": "https://evil.example"}]})}},
        "apps.invoices.auth.issuers[0].issuer",
        "granted are issuers: https://auth.example.com",
    ),
    "keys": (
        {
            "apps": {
                "invoices": app(
                    auth={"issuers": [{"issuer": "https://auth.example.com", "jwks_uri": "https://x.example"}]}
                )
            }
        },
        "apps.invoices.auth.issuers[0].jwks_uri",
        "is the platform's",
    ),
    "egress": (
        {"egress": {"allow": [{"host": "evil.example", "from": ["invoices"]}]}},
        "egress.allow[0].host",
        "granted are egress: api.stripe.com",
    ),
    "egress-address": (
        {"egress": {"allow": [{"address": "10.1.2.3", "protocol": "tcp", "from": ["invoices"]}]}},
        "egress.allow[0].address",
        "only hosts can",
    ),
    "egress-gateway": (
        {"egress": {"allow": [{"host": "api.stripe.com", "from": ["invoices"], "via": "gateway"}]}},
        "egress.allow[0].via",
        "must be sidecar",
    ),
    "egress-caller": (
        {"egress": {"allow": [{"host": "api.stripe.com", "from": [{"namespace": "travel", "service_account": "x"}]}]}},
        "egress.allow[0].from[0]",
        "must be an app of this stack",
    ),
    "body": ({"apps": {"invoices": app(max_request_body="4Ki")}}, "apps.invoices.max_request_body", "at the gateway"),
    "limit": (
        {"apps": {"invoices": app(rate_limit={"requests": 50, "per": "subject"})}},
        "apps.invoices.rate_limit",
        "at the gateway",
    ),
    "answers": (
        {"apps": {"invoices": app(response_headers={"set": {"x-team": "billing"}})}},
        "apps.invoices.response_headers",
        "at the gateway",
    ),
    "tools-of-the-body": (
        {
            "apps": {
                "invoices": app(
                    auth={"issuers": [{"issuer": "https://auth.example.com"}], "tools": {"pay": {"scope": "pay"}}}
                )
            }
        },
        "apps.invoices.auth.tools_from",
        "say header",
    ),
    "expiry": (
        {
            "apps": {
                "invoices": app(auth={"issuers": [{"issuer": "https://auth.example.com"}], "require_expiry": False})
            }
        },
        "apps.invoices.auth.require_expiry",
        "on every host",
    ),
    "subject-header": (
        {
            "apps": {
                "invoices": app(auth={"issuers": [{"issuer": "https://auth.example.com"}], "subject_header": "x-who"})
            }
        },
        "apps.invoices.auth.subject_header",
        "x-mcp-sub",
    ),
    "session-caller": (
        {"apps": {"invoices": app(callers=[{"app": "jobs"}]), "jobs": {"namespace": "billing"}}},
        "apps.invoices.callers[0].app",
        "mcp.stateless",
    ),
}


@pytest.mark.parametrize("what", list(BEYOND))
def test_what_goes_beyond_the_grant_is_refused_with_whom_to_ask(outputs: Path, what: str) -> None:
    changes, path, sentence = BEYOND[what]
    assert sentence in mistakes(team(outputs, **changes))[path]


@pytest.mark.parametrize(
    "setting",
    [
        "gateways",
        "istio",
        "security",
        "telemetry",
        "objects",
        "grants",
        "rate_limit_service",
        "namespaces",
        "authorizers",
    ],
)
def test_settings_of_the_platform_are_refused_in_a_sentence(outputs: Path, setting: str) -> None:
    assert "is the platform's" in mistakes(team(outputs, **{setting: {}}))[setting]


def contract(outputs: Path, **changes: Any) -> str:
    values = {**exported(), **changes}
    outputs.write_text(json.dumps({k: v for k, v in values.items() if v is not None}), encoding="utf-8")
    (found,) = mistakes(team(outputs)).values()
    return found


def test_a_platform_that_is_too_new_too_old_or_grants_nothing_is_a_sentence(outputs: Path) -> None:
    assert "outputs of version 2, and this program reads version 1; take a newer chatgpt-mesh here" in contract(
        outputs, schema_version=2
    )
    assert "the platform's stack needs a newer chatgpt-mesh first" in contract(outputs, schema_version=0)
    assert "grants nothing to anybody" in contract(outputs, grants=None)
    grants = {"travel": exported()["grants"]["travel"]}
    assert "has no grant of acme/platform/prod; there are: travel" in contract(outputs, grants=grants)


def test_without_the_engine_it_needs_a_file_of_outputs(outputs: Path, tmp_path: Path) -> None:
    said = {"stack": PLATFORM, "team": "billing"}
    command = "pulumi stack output --stack acme/platform/prod --json > outputs.json"
    assert command in mistakes(team(outputs, granted_by=said))["granted_by"]
    missing = {**said, "outputs": str(tmp_path / "nowhere.json")}
    assert "FileNotFoundError" in mistakes(team(outputs, granted_by=missing))["granted_by"]
    outputs.write_text("[]", encoding="utf-8")
    assert "holds no outputs" in mistakes(team(outputs))["granted_by"]
