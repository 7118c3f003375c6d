"""Limits count verified subjects per app, say how they are counted, and hang on no name that Istio makes up."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from tests.unit.mesh.stack import manifest, mesh

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
    [header] = rate_limit["actions"][0]["header_value_match"]["headers"]
    assert re.fullmatch(header["string_match"]["safe_regex"]["regex"], "ChatGPT-MCP.example.com:8443")


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
