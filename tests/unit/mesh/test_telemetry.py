"""Traces, access logs and metric tags: what is recorded, where it goes, and what never is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cel_expr_python import cel
from pydantic import ValidationError

from chatgpt_mesh.mesh.objects import telemetry
from chatgpt_mesh.mesh.objects.auth.calls import READER
from chatgpt_mesh.mesh.objects.telemetry_providers import extension_providers
from chatgpt_mesh.mesh.specs.confidential import format_refusal, header_refusal
from chatgpt_mesh.mesh.specs.telemetry import TelemetrySpec
from chatgpt_mesh.mesh.specs.telemetry_providers import ACCESS_LOG_FIELDS, MCP_LOG_FIELDS
from tests.unit.mesh.declared import by_key, declaration, graph, mistakes, owners

URL = "%REQ(:SCHEME)%://%REQ(:AUTHORITY)%%PATH(NQ:ORIG_OR_PATH):256%"
OTEL = "providers: {otel: {otlp: {service: otel-collector.observability.svc.cluster.local}}}"
MESH = "Telemetry/istio-system/mesh-default"
APP = "Telemetry/chatgpt-production/chatgpt-mcp"


def objects(text: str) -> dict[str, dict[str, Any]]:
    return by_key(telemetry.objects(graph(telemetry=text)))


def problems(text: str) -> list[str]:
    return mistakes(telemetry=text)


def evaluate(expression: str, **variables: Any) -> Any:
    """What Envoy would make of an expression."""
    given = {"request": {}, "response": {}} | variables
    types = {
        n: cel.Type.DURATION if isinstance(v, timedelta) else cel.Type("map<string, dyn>") for n, v in given.items()
    }
    return cel.NewEnv(variables=types).compile(expression).eval(data=given).plain_value()


class TestTracing:
    TEXT = f"""
{OTEL}
tracing:
  provider: otel
  sampling_percent: 0.5
  tags:
    model: {{header: x-chatgpt-model, default: unknown}}
    region: {{literal: us-central1}}
    cluster: {{environment: ISTIO_META_CLUSTER_ID, default: none}}
    http_status: {{formatter: "%RESPONSE_CODE%"}}
"""

    def test_of_the_mesh(self) -> None:
        assert objects(self.TEXT)[MESH]["tracing"] == [
            {
                "providers": [{"name": "otel"}],
                "randomSamplingPercentage": 0.5,
                "customTags": {
                    "cluster": {"environment": {"name": "ISTIO_META_CLUSTER_ID", "defaultValue": "none"}},
                    "http.url": {"formatter": {"value": URL}},
                    "http_status": {"formatter": {"value": "%RESPONSE_CODE%"}},
                    "model": {"header": {"name": "x-chatgpt-model", "defaultValue": "unknown"}},
                    "region": {"literal": {"value": "us-central1"}},
                },
            }
        ]

    def test_the_url_of_a_span_has_no_query_and_the_length_of_its_backend(self) -> None:
        """Envoy's own tag of that name has it, and a token may stand in a query."""
        (tracing,) = objects(self.TEXT.replace("svc.cluster.local}", "svc.cluster.local, max_tag_length: 9}"))[MESH][
            "tracing"
        ]
        assert tracing["customTags"]["http.url"]["formatter"]["value"] == URL.replace("256", "9")
        assert format_refusal(URL) is None

    def test_of_one_app_keeps_the_tags_of_the_mesh(self) -> None:
        text = self.TEXT + "apps: {chatgpt-mcp: {tracing: {sampling_percent: 100, tags: {region: {literal: eu}}}}}"
        (tracing,) = objects(text)[APP]["tracing"]
        assert tracing["randomSamplingPercentage"] == 100
        assert tracing["customTags"]["region"] == {"literal": {"value": "eu"}}
        assert "model" in tracing["customTags"]

    def test_zero_percent_is_said_not_left_to_the_default(self) -> None:
        text = f"{OTEL}\ntracing: {{provider: otel, sampling_percent: 0}}"
        assert objects(text)[MESH]["tracing"][0]["randomSamplingPercentage"] == 0

    def test_without_it_no_proxy_reports_spans(self) -> None:
        assert objects("")[MESH]["tracing"] == [{"disableSpanReporting": True}]

    @pytest.mark.parametrize("percent", [-1, 100.5, 101, "1"])
    def test_percent_is_a_share_of_100(self, percent: object) -> None:
        with pytest.raises(ValidationError):
            TelemetrySpec.model_validate({"tracing": {"provider": "otel", "sampling_percent": percent}})

    def test_its_provider_is_declared(self) -> None:
        assert problems("tracing: {provider: jaeger}") == [
            "telemetry.tracing.provider: must be one of telemetry.providers: none is declared (given: 'jaeger')"
        ]


class TestAccessLog:
    def filter(self, text: str) -> str | None:
        (log,) = objects(text)[MESH]["accessLogging"]
        return log.get("filter", {}).get("expression")

    def test_by_default_errors_and_what_has_no_status(self) -> None:
        expression = self.filter("")
        assert expression == "!has(response.code) || response.code >= 400"
        assert evaluate(expression, response={"code": 503}) is True
        assert evaluate(expression, response={"code": 200}) is False
        assert evaluate(expression, response={}) is True

    def test_slow_requests(self) -> None:
        expression = self.filter("access_log: {log: {errors: true, slower_than: 1s}}")
        assert expression == "!has(response.code) || response.code >= 400 || request.duration > duration('1s')"
        ok = {"response": {"code": 200}}
        assert evaluate(expression, **ok, **{"request.duration": timedelta(seconds=2)}) is True
        assert evaluate(expression, **ok, **{"request.duration": timedelta(seconds=0.5)}) is False

    def test_a_free_filter_adds_to_the_selection(self) -> None:
        expression = self.filter("access_log: {log: {errors: true}, filter: \"request.method == 'DELETE'\"}")
        assert expression == "!has(response.code) || response.code >= 400 || (request.method == 'DELETE')"

    def test_everything_where_nothing_is_selected(self) -> None:
        assert self.filter("access_log: {}") is None

    def test_switched_off_names_its_provider_since_istio_ignores_it_otherwise(self) -> None:
        (log,) = objects("access_log: {enabled: false}")[MESH]["accessLogging"]
        assert log == {"providers": [{"name": "json-log"}], "disabled": True}

    def test_gateways_log_too(self) -> None:
        (log,) = objects("")[MESH]["accessLogging"]
        assert "match" not in log, "gateways count as clients, so a match on SERVER leaves them out"

    def test_of_one_app(self) -> None:
        text = "apps: {chatgpt-mcp: {access_log: {log: {errors: false, slower_than: 250ms}}}}"
        telemetry_of_app = objects(text)[APP]
        assert telemetry_of_app["selector"] == {"matchLabels": {"app": "chatgpt-mcp"}}
        (log,) = telemetry_of_app["accessLogging"]
        assert log["filter"]["expression"] == "!has(response.code) || request.duration > duration('0.25s')"
        assert owners(telemetry.objects(graph(telemetry=text)))[APP] == "telemetry.apps.chatgpt-mcp"

    def test_a_filter_that_does_not_parse_is_refused_where_it_stands(self) -> None:
        (sentence,) = problems('access_log: {filter: "response.code | 200"}')
        assert sentence.startswith("telemetry.access_log.filter: is no CEL expression")

    def test_no_default_field_holds_a_secret_or_a_query(self) -> None:
        assert {name: format_refusal(text) for name, text in ACCESS_LOG_FIELDS.items() if format_refusal(text)} == {}

    def test_fields_of_mcp_are_what_the_gateway_leaves_and_each_may_be_removed(self) -> None:
        text = "{access_log: {mcp: true, fields: {mcp_session: ''}}}"
        fields = declaration(telemetry=text).telemetry.access_log_fields
        found = {name: value for name, value in fields.items() if name.startswith("mcp_")}
        assert sorted(found) == ["mcp_method", "mcp_protocol_version", "mcp_tool"]
        for value in MCP_LOG_FIELDS.values():
            key = value.removeprefix("%DYNAMIC_METADATA(mcp.call:").removesuffix(")%")
            assert f'leave("{key}", ' in READER

    def test_fields_are_added_and_removed_by_name(self) -> None:
        text = "{access_log: {fields: {mcp_method: '%REQ(MCP-METHOD)%', user_agent: ''}}}"
        fields = declaration(telemetry=text).telemetry.access_log_fields
        assert fields["mcp_method"] == "%REQ(MCP-METHOD)%"
        assert "user_agent" not in fields


@pytest.mark.parametrize(
    "header",
    [
        "authorization",
        "Proxy-Authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-csrf-token",
        "x-jwt-payload",
        "x-goog-iap-jwt-assertion",
        "referer",
        ":path",
    ],
)
def test_headers_that_carry_credentials_are_never_recorded(header: str) -> None:
    assert header_refusal(header)


@pytest.mark.parametrize(
    "header", ["x-chatgpt-model", "mcp-method", "mcp-session-id", "user-agent", "x-author", "tokenizer"]
)
def test_other_headers_are(header: str) -> None:
    assert header_refusal(header) is None


@pytest.mark.parametrize(
    "text",
    [
        "%REQ(AUTHORIZATION)%",
        "%REQ(X-USER?COOKIE):20%",
        "%RESP(SET-COOKIE)%",
        "%REQ(:PATH)%",
        "%PATH(WQ)%",
        "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%",
        "%CEL(request.headers)%",
        "%FILTER_STATE(x)%",
        "%ENVIRONMENT(TOKEN)%",
        "50%",
    ],
)
def test_formats_that_may_hold_a_token_are_refused(text: str) -> None:
    assert format_refusal(text)


@pytest.mark.parametrize(
    "text", ["%REQ(X-CHATGPT-MODEL)%", "%PATH(NQ:ORIG_OR_PATH)%", "%REQ_WITHOUT_QUERY(:PATH)%", "%%", "a %DURATION% b"]
)
def test_other_formats_are_not(text: str) -> None:
    assert format_refusal(text) is None


class TestMetricTags:
    def tag(self, text: str) -> str:
        (metrics,) = objects(f"metrics: {{tags: {{t: {text}}}}}")[MESH]["metrics"]
        return metrics["overrides"][0]["tagOverrides"]["t"]["value"]

    def test_a_header_has_a_closed_set_of_values(self) -> None:
        expression = self.tag("{header: x-user-tier, values: [free, pro]}")
        assert expression == (
            "'x-user-tier' in request.headers ? (request.headers['x-user-tier'] in ['free', 'pro'] ? "
            "request.headers['x-user-tier'] : 'other') : 'unknown'"
        )
        assert evaluate(expression, request={"headers": {"x-user-tier": "pro"}}) == "pro"
        assert evaluate(expression, request={"headers": {"x-user-tier": "' || true"}}) == "other"
        assert evaluate(expression, request={"headers": {}}) == "unknown"

    def test_presence_is_never_asked_by_has_which_envoy_refuses_for_a_header(self) -> None:
        assert "has(" not in self.tag("{header: x-user-tier, values: [free]}")

    @pytest.mark.parametrize(
        ("code", "value"), [(200, "success"), (404, "client_error"), (503, "server_error"), (None, "none")]
    )
    def test_a_response_class(self, code: int | None, value: str) -> None:
        response = {} if code is None else {"code": code}
        assert evaluate(self.tag("{response_class: true}"), response=response) == value

    @pytest.mark.parametrize(("size", "value"), [(1024, "le_1024"), (1025, "le_65536"), (65537, "more")])
    def test_a_size_is_a_bucket(self, size: int, value: str) -> None:
        assert evaluate(self.tag("{size: {of: response, buckets: [1024, 65536]}}"), response={"size": size}) == value

    def test_an_expression_is_bounded_too(self) -> None:
        expression = self.tag(
            "{expression: \"request.method == 'POST' ? 'write' : 'read'\", values: [read], other: rest}"
        )
        assert evaluate(expression, request={"method": "GET"}) == "read"
        assert evaluate(expression, request={"method": "POST"}) == "rest"

    def test_it_is_on_the_metrics_that_are_named(self) -> None:
        text = "{metrics: {drop: [request_protocol], tags: {t: {response_class: true, metrics: [REQUEST_SIZE]}}}}"
        (metrics,) = objects(text)[MESH]["metrics"]
        assert metrics["overrides"] == [
            {"match": {"metric": "ALL_METRICS"}, "tagOverrides": {"request_protocol": {"operation": "REMOVE"}}},
            {"match": {"metric": "REQUEST_SIZE"}, "tagOverrides": {"t": {"value": self.tag("{response_class: true}")}}},
        ]

    def test_of_one_app_add_to_those_of_the_mesh(self) -> None:
        text = """
metrics: {tags: {a: {response_class: true}}}
apps: {chatgpt-mcp: {metrics: {tags: {b: {response_class: true}}}}}
"""
        (metrics,) = objects(text)[APP]["metrics"]
        assert set(metrics["overrides"][0]["tagOverrides"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "{tracing: {provider: x, tags: {t: {header: cookie}}}}",
            "telemetry.tracing.tags.t.header: would record cookie",
        ),
        (
            "{tracing: {provider: x, tags: {t: {header: a, literal: b}}}}",
            "telemetry.tracing.tags.t: needs exactly one of",
        ),
        (
            "{tracing: {provider: x, tags: {t: {literal: b, default: c}}}}",
            "telemetry.tracing.tags.t.default: is for header",
        ),
        (
            "{tracing: {provider: x, tags: {t: {environment: API_TOKEN}}}}",
            "tags.t.environment: would record the environment",
        ),
        ("{tracing: {provider: x, tags: {t: {formatter: '%REQ(COOKIE)%'}}}}", "tags.t.formatter: would record cookie"),
        (
            "{access_log: {fields: {t: '%REQ(AUTHORIZATION)%'}}}",
            "telemetry.access_log.fields.t: would record authorization",
        ),
        ("{access_log: {enabled: false, filter: 'true'}}", "telemetry.access_log.enabled: is false"),
        ("{access_log: {log: {errors: false}}}", "telemetry.access_log.log: selects nothing"),
        ("{metrics: {tags: {t: {header: x-user-tier}}}}", "telemetry.metrics.tags.t.values: is missing"),
        (
            "{metrics: {tags: {t: {header: x-auth-token, values: [a]}}}}",
            "telemetry.metrics.tags.t.header: would record",
        ),
        ("{metrics: {tags: {t: {}}}}", "telemetry.metrics.tags.t: needs exactly one of"),
        ("{metrics: {tags: {t: {response_class: true, values: [a]}}}}", "tags.t.values: is for header and expression"),
        ("{metrics: {tags: {t: {expression: 'a |', values: [a]}}}}", "telemetry.metrics.tags.t.expression: is no CEL"),
        (
            "{metrics: {tags: {t: {size: {of: request, buckets: [2, 1]}}}}}",
            "tags.t.size.buckets: must be bounds in ascending",
        ),
        (
            f"{{metrics: {{tags: {{t: {{size: {{of: request, buckets: {list(range(1, 22))}}}}}}}}}}}",
            "tags.t.size.buckets: has 21 bounds; at most 20",
        ),
        ("{metrics: {tags: {t: {response_class: true, metrics: []}}}}", "telemetry.metrics.tags.t.metrics: is empty"),
        ("{apps: {nobody: {}}}", "telemetry.apps.nobody: is no app of this stack"),
        ("{apps: {chatgpt-mcp: {tracing: {}}}}", "telemetry.apps.chatgpt-mcp.tracing: the mesh has no tracing"),
        ("{providers: {otel: {}}}", "telemetry.providers.otel: needs exactly one of otlp and zipkin"),
        (
            "{providers: {prometheus: {zipkin: {service: a.b.svc.cluster.local}}}}",
            "telemetry.providers.prometheus: prometheus is there",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    found = problems(text)
    assert any(sentence in one for one in found), found


def test_too_many_values_are_refused() -> None:
    values = ", ".join(f"v{n}" for n in range(51))
    (sentence,) = problems(f"metrics: {{tags: {{t: {{header: x-a, values: [{values}]}}}}}}")
    assert sentence == "telemetry.metrics.tags.t.values: has 51 values; at most 50"


def test_the_mesh_configuration_gets_the_backends_prometheus_and_the_json_log() -> None:
    text = """
providers:
  otel: {otlp: {service: otel-collector.observability.svc.cluster.local}}
  otel-http: {otlp: {service: otel-collector.observability.svc.cluster.local, port: 4318, http_path: /v1/traces}}
  jaeger: {zipkin: {service: jaeger-collector.istio-system.svc.cluster.local}}
access_log: {fields: {model: '%REQ(X-CHATGPT-MODEL)%'}}
"""
    spec = declaration(telemetry=text).telemetry
    assert spec is not None
    found = {provider.name: provider.to_dict() for provider in extension_providers(spec)}
    assert found["otel"]["opentelemetry"] == {
        "service": "otel-collector.observability.svc.cluster.local",
        "port": 4317,
        "maxTagLength": 256,
    }
    assert found["otel-http"]["opentelemetry"]["http"] == {"path": "/v1/traces", "timeout": "3s"}
    assert found["jaeger"]["zipkin"]["path"] == "/api/v2/spans"
    assert found["prometheus"]["prometheus"] == {}
    log = found["json-log"]["envoyFileAccessLog"]
    assert log["path"] == "/dev/stdout"
    assert log["logFormat"]["labels"]["model"] == "%REQ(X-CHATGPT-MODEL)%"
