"""Limits count verified subjects per app, say how they are counted, and hang on no name that Istio makes up."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import pytest

from tests.unit.mesh.stack import GATEWAYS, manifest, mesh, mistakes

LIMITS = "EnvoyFilter/istio-ingress/public-rate-limits"


def local(app: str):
    [patch] = manifest(mesh(app), LIMITS)["configPatches"]
    return patch["patch"]["value"]["typed_config"]


def test_a_subject_is_known_by_issuer_and_sub_of_the_verified_token():
    [rate_limit] = local("{rate_limit: {requests: 60}}")["rate_limits"]
    paths = [a["metadata"]["metadata_key"]["path"] for a in rate_limit["actions"] if "metadata" in a]
    assert paths == [[{"key": "payload"}, {"key": "iss"}], [{"key": "payload"}, {"key": "sub"}]]


def test_each_subject_has_a_bucket_of_its_own_without_being_listed():
    [descriptor] = local("{rate_limit: {requests: 60}}")["descriptors"]
    assert descriptor["entries"] == [{"key": "app", "value": "chatgpt-mcp"}, {"key": "iss"}, {"key": "sub"}]


def test_the_host_counts_in_every_spelling():
    [rate_limit] = local("{rate_limit: {requests: 60}}")["rate_limits"]
    [_, header] = rate_limit["actions"][0]["header_value_match"]["headers"]
    assert re.fullmatch(header["string_match"]["safe_regex"]["regex"], "ChatGPT-MCP.example.com:8443")


def test_a_request_for_another_app_is_told_apart_without_a_regular_expression():
    """The gateway asks about each of its apps in turn, and Envoy stops at the first header that does not fit."""
    [rate_limit] = local("{rate_limit: {requests: 60}}")["rate_limits"]
    [first, _] = rate_limit["actions"][0]["header_value_match"]["headers"]
    assert first == {"name": ":authority", "string_match": {"prefix": "chatgpt-mcp.example.com", "ignore_case": True}}


def test_the_limit_is_divided_by_the_gateways_replicas_or_says_that_it_is_not():
    assert local("{rate_limit: {requests: 61}}")["descriptors"][0]["token_bucket"]["max_tokens"] == 31
    per_replica = local("{rate_limit: {requests: 61, counted: replica}}")
    assert per_replica["descriptors"][0]["token_bucket"] == {
        "max_tokens": 61,
        "tokens_per_fill": 61,
        "fill_interval": "60s",
    }


def test_the_filter_has_no_bucket_that_would_stamp_answers_without_a_limit():
    assert "token_bucket" not in local("{rate_limit: {requests: 60}}")


class TestGlobal:
    SERVICE: ClassVar[dict[str, Any]] = {"rate_limit_service": {"namespace": "limits"}}
    APP = "{rate_limit: {requests: 60, counted: global}}"

    def test_has_the_gateway_know_the_service(self):
        """It knows those that routes lead to, and no route leads to this one."""
        built = mesh(self.APP, **self.SERVICE)
        (limits,) = [made.resource.to_dict() for made in built.objects if made.resource.key == LIMITS]
        assert limits["metadata"]["annotations"] == {
            "envoyfilter.istio.io/referenced-services": "ratelimit.limits.svc.cluster.local"
        }

    def test_asks_the_service_and_lets_pass_while_it_is_down(self):
        [patch] = manifest(mesh(self.APP, **self.SERVICE), LIMITS)["configPatches"]
        config = patch["patch"]["value"]["typed_config"]
        assert config["failure_mode_deny"] is False
        cluster = config["rate_limit_service"]["grpc_service"]["envoy_grpc"]["cluster_name"]
        assert cluster == "outbound|8081||ratelimit.limits.svc.cluster.local"
        assert config["rate_limits"], "the filter's own, so that no virtual host is named"

    def test_the_service_reads_the_same_descriptors(self):
        built = mesh(self.APP, **self.SERVICE)
        config = next(
            o for o in built.objects if o.resource.key == "ConfigMap/limits/ratelimit-limits"
        ).resource.to_dict()
        limits = json.loads(config["data"]["config.yaml"])
        [patch] = manifest(built, LIMITS)["configPatches"]
        assert limits["domain"] == patch["patch"]["value"]["typed_config"]["domain"]
        [app] = limits["descriptors"]
        assert (app["key"], app["value"]) == ("app", "chatgpt-mcp")
        assert app["descriptors"][0]["descriptors"][0] == {
            "key": "sub",
            "rate_limit": {"unit": "minute", "requests_per_unit": 60},
        }

    def test_only_its_gateways_may_ask_it(self):
        policy = manifest(mesh(self.APP, **self.SERVICE), "AuthorizationPolicy/limits/ratelimit-callers")
        [rule] = policy["rules"]
        assert rule["from"][0]["source"]["principals"] == ["cluster.local/ns/istio-ingress/sa/istio-ingressgateway"]


def buckets(app: str) -> dict[tuple[tuple[str, str | None], ...], int]:
    """Entries of each descriptor, and what a replica of two lets pass."""
    found: dict[tuple[tuple[str, str | None], ...], int] = {}
    for descriptor in local(app)["descriptors"]:
        entries = tuple((entry["key"], entry.get("value")) for entry in descriptor["entries"])
        found[entries] = descriptor["token_bucket"]["max_tokens"]
    return found


class TestTiers:
    TIERS = "{rate_limit: {requests: 60, tiers: {claim: plan, requests: {pro: 600, team: 6000}}}}"
    SUBJECT = (("iss", None), ("sub", None))

    def test_each_has_its_own_bucket_and_whoever_has_none_another(self):
        app = ("app", "chatgpt-mcp")
        assert buckets(self.TIERS) == {
            (app, ("tier", "pro"), *self.SUBJECT): 300,
            (app, ("tier", "team"), *self.SUBJECT): 3000,
            (app, ("tier", "-"), *self.SUBJECT): 30,
        }

    def test_the_claim_is_the_verified_tokens_and_may_be_a_list(self):
        [limit] = local(self.TIERS)["rate_limits"]
        expression = limit["actions"][1]["extension"]["typed_config"]["text"]
        assert 'metadata.filter_metadata["envoy.filters.http.jwt_authn"]["payload"]["plan"]' in expression
        assert '"pro" in ' in expression
        assert expression.index('"pro"') < expression.index('"team"'), "the first tier listed comes first"
        assert expression.endswith(': "-"'), "without the claim there is no error, at which nothing would be counted"

    def test_the_service_counts_them_as_well(self):
        app = self.TIERS.replace("60,", "60, counted: global,")
        built = mesh(app, rate_limit_service={})
        [config] = [one.resource for one in built.objects if one.resource.key.startswith("ConfigMap/")]
        [limits] = json.loads(config.to_dict()["data"]["config.yaml"])["descriptors"]
        rates = {
            tier["value"]: tier["descriptors"][0]["descriptors"][0]["rate_limit"] for tier in limits["descriptors"]
        }
        assert {tier: rate["requests_per_unit"] for tier, rate in rates.items()} == {"pro": 600, "team": 6000, "-": 60}


def fits(header: dict[str, Any], value: str) -> bool:
    return re.fullmatch(header["string_match"]["safe_regex"]["regex"], value) is not None


class TestTools:
    TOOLS = "{rate_limit: {requests: 60, tools: {execute_sql: 4}}}"

    def test_are_counted_beside_everything_else(self):
        assert buckets(self.TOOLS)[("app", "chatgpt-mcp"), ("tool", "execute_sql"), ("iss", None), ("sub", None)] == 2

    @pytest.mark.parametrize(
        ("headers", "counts"),
        [
            ({"mcp-method": "tools/call", "mcp-name": "execute_sql"}, True),
            ({"mcp-method": "tools/call", "mcp-name": "other"}, False),
            ({"mcp-method": "tools/list"}, False),
            ({"mcp-method": "tools/list", "mcp-name": "x"}, False),
            ({"mcp-method": "tools/call"}, True),
            ({}, True),
            ({"mcp-method": "tools/call", "mcp-name": "=?base64?ZXhlY3V0ZV9zcWw=?="}, True),
            ({"mcp-method": "tools/call", "mcp-name": "other,execute_sql"}, True),
            ({"mcp-method": "tools/list,tools/call", "mcp-name": "execute_sql"}, True),
            ({"mcp-protocol-version": "2025-11-25", "mcp-method": "tools/call", "mcp-name": "other"}, True),
        ],
    )
    def test_a_call_that_does_not_name_its_tool_plainly_counts_for_each(self, headers: dict[str, str], counts: bool):
        sent = {":method": "POST", ":path": "/mcp?x=1", "mcp-protocol-version": "2026-07-28", **headers}
        actions = [action for limit in local(self.TOOLS)["rate_limits"] for action in limit["actions"]]
        matches = [action["header_value_match"] for action in actions if "header_value_match" in action]
        found = [
            all(fits(header, sent.get(header["name"], "")) for header in match["headers"])
            for match in matches
            if match["descriptor_key"] == "tool"
        ]
        assert any(found) is counts
        assert found.count(True) < 2, "it would be counted twice"


class TestAddresses:
    PER_ADDRESS = "{rate_limit: {per: address, requests: 60}}"

    def test_a_household_of_ipv6_is_one_client(self):
        [limit] = local(self.PER_ADDRESS)["rate_limits"]
        assert limit["actions"][1] == {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}
        assert list(buckets(self.PER_ADDRESS)) == [(("app", "chatgpt-mcp"), ("masked_remote_address", None))]

    def test_a_gateway_that_sees_nodes_is_refused(self):
        nodes = GATEWAYS.replace(
            "kind: public,", "kind: public, workload: {service: {external_traffic_policy: Cluster}},"
        )
        [found] = mistakes(self.PER_ADDRESS, gateways=nodes)
        assert found.startswith(
            "apps.chatgpt-mcp.rate_limit.per: counts by the client's address, and gateways.public sees"
        )

    def test_a_header_is_believed_only_where_nobody_else_can_write_it(self):
        behind = GATEWAYS.replace("kind: public,", "kind: public, trusted_proxies: 2,")
        [found] = mistakes(gateways=behind)
        assert found.startswith("gateways.public.trusted_proxies: takes the client's address from a header")
        closed = "trusted_proxies: 2, workload: {service: {source_ranges: [10.0.0.0/8]}},"
        assert mistakes(gateways=GATEWAYS.replace("kind: public,", f"kind: public, {closed}")) == []


class TestFurtherLimits:
    BOTH = "{rate_limit: {requests: 60}, further_rate_limits: [{per: app, requests: 1000, every: 1s}]}"

    def test_each_counts_under_a_name_of_its_own(self):
        assert [entries[0] for entries in buckets(self.BOTH)] == [("app", "chatgpt-mcp"), ("app", "chatgpt-mcp/0")]

    @pytest.mark.parametrize(
        ("app", "seconds"),
        [
            ("{rate_limit: {requests: 60}}", "2"),
            ("{rate_limit: {requests: 6000}}", "1"),
            ("{rate_limit: {requests: 60, every: 1s}, further_rate_limits: [{per: app, requests: 2}]}", "60"),
            ("{rate_limit: {requests: 600, tiers: {claim: plan, requests: {free: 6}}}}", "20"),
        ],
    )
    def test_the_answer_says_when_to_come_back(self, app: str, seconds: str):
        config = manifest(mesh(app), "EnvoyFilter/istio-ingress/public-http")["configPatches"][0]["patch"]["value"]
        [limited] = [
            mapper
            for mapper in config["typed_config"]["local_reply_config"]["mappers"]
            if "429" in json.dumps(mapper["filter"])
        ]
        assert limited["headers_to_add"][0]["header"] == {"key": "retry-after", "value": seconds}


@pytest.mark.parametrize(
    ("app", "beginning"),
    [
        (
            "{rate_limit: {per: app, requests: 5, tiers: {claim: a, requests: {b: 6}}}}",
            "apps.chatgpt-mcp.rate_limit.tiers: are known from a verified token",
        ),
        (
            "{rate_limit: {requests: 5, tiers: {claim: a, requests: {'-': 6}}}}",
            "apps.chatgpt-mcp.rate_limit.tiers.requests.-: stands for tokens without a tier",
        ),
        (
            "{mcp: {era: legacy}, rate_limit: {requests: 5, tools: {a: 1}}}",
            "apps.chatgpt-mcp.rate_limit.tools: needs mcp with era modern or both",
        ),
        (
            "{further_rate_limits: [{requests: 5, counted: global}]}",
            "apps.chatgpt-mcp.further_rate_limits.0.counted: needs the rate limit service",
        ),
    ],
)
def test_what_would_count_nothing_is_refused(app: str, beginning: str):
    found = mistakes(app)
    assert [sentence for sentence in found if sentence.startswith(beginning)], found
