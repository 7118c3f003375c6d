"""A collector and a store of traces that this stack installs: what a span goes through, and who reads it."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt_mesh.components.managed_prometheus import Scraped
from chatgpt_mesh.components.observability import kiali_values
from chatgpt_mesh.components.observability_charts import grafana_values
from chatgpt_mesh.components.observability_policies import policies
from chatgpt_mesh.components.specs.observability import ObservabilitySpec
from chatgpt_mesh.components.traces_charts import collector_config, collector_values, tempo_values
from tests.unit.components.gke_stack import sentences

pytestmark = pytest.mark.unit

WHOLE: dict[str, Any] = {
    "kiali": {"version": "2.21.0", "prometheus": "http://prometheus.observability:9090"},
    "grafana": {"namespace": "mesh-grafana", "install": {"version": "9.3.0"}},
    "traces": {"version": "1.25.1"},
    "collector": {"version": "0.158.3"},
}
ELSEWHERE: dict[str, Any] = {"version": "0.158.3", "endpoint": "https://otlp.example.com:4317"}
SERVICE = "otel-collector.mesh-collector.svc.cluster.local"
EVERYTHING = Scraped(proxies=["shop", "istio-ingress"], control_plane=True, cert_manager=None)


def declared(**changes: dict[str, Any] | None) -> ObservabilitySpec:
    """With these settings changed, or a part left out."""
    return ObservabilitySpec.model_validate(
        {name: {**part, **change} for name, part in WHOLE.items() if (change := changes.get(name, {})) is not None}
    )


def config(**settings: Any) -> dict[str, Any]:
    spec = declared(collector=settings, traces=None if "endpoint" in settings else {})
    assert spec.collector is not None
    return collector_config(spec.collector, spec.traces)


def collector(**settings: Any) -> dict[str, Any]:
    spec = declared(collector=settings)
    assert spec.collector is not None
    return collector_values(spec.collector, spec.traces)


def tempo(**settings: Any) -> dict[str, Any]:
    spec = declared(traces=settings)
    assert spec.traces is not None
    return tempo_values(spec.traces)


def opened(values: dict[str, Any]) -> dict[str, int]:
    return {name: port["servicePort"] for name, port in values["ports"].items() if port["enabled"]}


class TestCollector:
    @pytest.mark.parametrize(
        "settings", [{}, {"http": True, "zipkin": True}, {"endpoint": "http://tempo.tracing:4317"}]
    )
    def test_a_pipeline_names_what_is_declared_and_nothing_is_declared_in_vain(self, settings: dict[str, Any]) -> None:
        said = config(**settings)
        (pipeline,) = said["service"]["pipelines"].values()
        for part in ("receivers", "processors", "exporters"):
            assert sorted(pipeline[part]) == sorted(said[part])
        assert said["service"]["extensions"] == [*said["extensions"]]
        assert [*said["service"]["pipelines"]] == ["traces"]

    def test_refuses_spans_before_its_memory_is_full_and_batches_the_others(self) -> None:
        said = config()
        assert said["service"]["pipelines"]["traces"]["processors"] == ["memory_limiter", "batch"]
        assert said["processors"]["memory_limiter"]["limit_percentage"] == 80
        assert collector()["resources"]["limits"]["memory"] == "512Mi"

    def test_sends_to_this_stacks_store(self) -> None:
        assert config()["exporters"] == {"otlp": {"endpoint": "tempo.mesh-traces:4317", "tls": {"insecure": True}}}

    @pytest.mark.parametrize(
        ("endpoint", "server", "insecure"),
        [
            ("https://otlp.example.com:4317", "otlp.example.com:4317", False),
            ("http://tempo.tracing:4317", "tempo.tracing:4317", True),
        ],
    )
    def test_sends_to_a_store_of_yours_with_tls_where_it_is_said(
        self, endpoint: str, server: str, insecure: bool
    ) -> None:
        (exporter,) = config(endpoint=endpoint)["exporters"].values()
        assert exporter == {"endpoint": server, "tls": {"insecure": insecure}}

    def test_ports_have_the_names_from_which_istio_takes_a_protocol(self) -> None:
        assert opened(collector()) == {"grpc-otlp": 4317}
        assert opened(collector(http=True, zipkin=True)) == {
            "grpc-otlp": 4317,
            "http-otlp": 4318,
            "http-zipkin": 9411,
        }

    def test_ports_that_the_chart_would_open_by_itself_are_closed(self) -> None:
        ports = collector(http=True, zipkin=True)["ports"]
        # Helm merges these over the chart's own, by these names of its values.yaml.
        for name in ("otlp", "otlp-http", "jaeger-compact", "jaeger-thrift", "jaeger-grpc", "zipkin"):
            assert ports[name] == {"enabled": False}

    def test_a_port_is_open_where_a_receiver_listens(self) -> None:
        for settings in ({}, {"http": True}, {"zipkin": True}):
            receivers = config(**settings)["receivers"]
            listening = [*receivers.pop("otlp")["protocols"].values(), *receivers.values()]
            ports = {int(one["endpoint"].rpartition(":")[2]) for one in listening}
            assert ports == {*opened(collector(**settings)).values()}

    def test_is_private_restricted_and_known_by_the_name_that_providers_have(self) -> None:
        values = collector(replicas=3)
        spec = declared().collector
        assert spec is not None
        assert spec.service == f"{values['fullnameOverride']}.mesh-collector.svc.cluster.local"
        assert (values["mode"], values["replicaCount"]) == ("deployment", 3)
        assert (values["service"], values["ingress"]) == ({"type": "ClusterIP"}, {"enabled": False})
        assert values["securityContext"]["readOnlyRootFilesystem"] is True
        assert values["podSecurityContext"]["runAsNonRoot"] is True
        assert "config" not in values

    def test_one_pod_has_no_budget_that_would_block_a_node(self) -> None:
        assert collector()["podDisruptionBudget"] == {"enabled": True, "minAvailable": 1}
        assert "podDisruptionBudget" not in collector(replicas=1)


class TestStore:
    def test_keeps_traces_on_a_volume_for_the_days_that_are_declared(self) -> None:
        values = tempo(retention_days=3, storage="100Gi", storage_class="fast")
        assert values["tempo"]["retention"] == "72h"
        assert values["persistence"] == {"enabled": True, "size": "100Gi", "storageClassName": "fast"}

    def test_is_private_restricted_and_tells_nobody_of_this_cluster(self) -> None:
        values = tempo()
        assert values["service"] == {"type": "ClusterIP"}
        assert values["tempo"]["reportingEnabled"] is False
        assert values["tempo"]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert values["securityContext"]["runAsNonRoot"] is True
        assert values["serviceAccount"] == {"automountServiceAccountToken": False}

    def test_listens_where_the_collector_sends_and_where_people_read(self) -> None:
        values = tempo()["tempo"]
        assert values["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].endswith(":4317")
        spec = declared().traces
        assert spec is not None
        assert spec.url == f"http://tempo.mesh-traces:{values['server']['http_listen_port']}"


class TestReaders:
    def kiali(self, **settings: Any) -> dict[str, Any]:
        spec = declared(kiali=settings)
        assert spec.kiali is not None
        return kiali_values(spec.kiali, spec.grafana, spec.metrics_url, spec.traces)["external_services"]["tracing"]

    def test_kiali_reads_this_stacks_store(self) -> None:
        found = self.kiali()
        assert (found["provider"], found["internal_url"]) == ("tempo", "http://tempo.mesh-traces:3200")

    def test_kiali_reads_another_where_it_is_told_to(self) -> None:
        found = self.kiali(tracing="http://jaeger.tracing:16686")
        assert (found["provider"], found["internal_url"]) == ("jaeger", "http://jaeger.tracing:16686")

    def test_grafana_has_it_as_a_data_source(self) -> None:
        spec = declared()
        assert spec.grafana is not None
        assert spec.grafana.install is not None
        assert spec.traces is not None
        values = grafana_values(spec.grafana, spec.grafana.install, "http://p:9090", None, spec.traces.url)
        sources = values["datasources"]["datasources.yaml"]["datasources"]
        assert [(one["type"], one["url"], one["isDefault"]) for one in sources] == [
            ("prometheus", "http://p:9090", True),
            ("tempo", "http://tempo.mesh-traces:3200", False),
        ]


class TestWhoReachesWhom:
    def sides(self, spec: ObservabilitySpec, namespace: str) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """(namespace, port) of who comes in, and of what is asked; DNS left out."""
        (found,) = [one["spec"] for one in policies(spec, EVERYTHING) if one["metadata"]["namespace"] == namespace]
        asked = [rule for rule in found["egress"] if {port["port"] for port in rule["ports"]} != {53}]
        return self.named(found["ingress"], "from"), self.named(asked, "to")

    def named(self, rules: list[dict[str, Any]], side: str) -> set[tuple[str, int]]:
        return {
            (home, port["port"])
            for rule in rules
            for peer in rule.get(side, [{}])
            for home in self.homes(peer)
            for port in rule["ports"]
        }

    def homes(self, peer: dict[str, Any]) -> list[str]:
        return peer["namespaceSelector"]["matchExpressions"][0]["values"] if peer else ["anywhere"]

    def test_apps_and_gateways_send_to_the_collector_and_it_to_the_store(self) -> None:
        assert self.sides(declared(), "mesh-collector") == (
            {("shop", 4317), ("istio-ingress", 4317)},
            {("mesh-traces", 4317)},
        )

    def test_what_is_taken_besides_is_open_to_the_same(self) -> None:
        into, _ = self.sides(declared(collector={"http": True, "zipkin": True}), "mesh-collector")
        assert into == {(home, port) for home in ("shop", "istio-ingress") for port in (4317, 4318, 9411)}

    def test_the_store_is_reached_by_the_collector_and_by_who_shows_traces(self) -> None:
        assert self.sides(declared(), "mesh-traces") == (
            {("mesh-collector", 4317), ("mesh-grafana", 3200), ("kiali", 3200)},
            set(),
        )
        _, asked = self.sides(declared(), "mesh-grafana")
        assert ("mesh-traces", 3200) in asked

    def test_a_store_of_yours_is_asked_at_its_port_alone(self) -> None:
        spec = declared(collector=ELSEWHERE, traces=None)
        assert self.sides(spec, "mesh-collector")[1] == {("anywhere", 4317)}


OTLP: dict[str, Any] = {"service": SERVICE, "port": 4317}


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ({"otlp": {**OTLP, "service": "otel.mesh-collector.svc.cluster.local"}}, "otlp.service: must be"),
        ({"otlp": {**OTLP, "service": "tempo.mesh-traces.svc.cluster.local"}}, "otlp.service: is in the namespace of"),
        ({"otlp": {**OTLP, "port": 4318}}, "otlp.port: must be 4317"),
        ({"otlp": {**OTLP, "port": 4318, "http_path": "/v1/traces"}}, "observability.collector.http: is false"),
        ({"otlp": {**OTLP, "port": 4318, "http_path": "/spans"}}, "otlp.http_path: must be /v1/traces"),
        ({"otlp": {**OTLP, "http_path": "/v1/traces"}}, "otlp.port: must be 4318"),
        ({"zipkin": {"service": SERVICE}}, "observability.collector.zipkin: is false"),
        ({"zipkin": {"service": SERVICE, "port": 9412}}, "zipkin.port: must be 9411"),
    ],
)  # fmt: skip
def test_a_provider_that_names_what_is_not_there_is_a_sentence(
    provider: dict[str, Any], said: str, tmp_path: Any
) -> None:
    telemetry = {"providers": {"t": provider}, "tracing": {"provider": "t"}}
    found = sentences(tmp_path, {"observability": WHOLE, "telemetry": telemetry})
    assert any(one.removeprefix("telemetry.providers.t.").startswith(said) for one in found), found


@pytest.mark.parametrize(
    "provider",
    [
        {"otlp": OTLP},
        {"otlp": {**OTLP, "port": 4318, "http_path": "/v1/traces"}},
        {"zipkin": {"service": SERVICE}},
        {"zipkin": {"service": "jaeger.tracing.svc.cluster.local", "port": 9999}},
    ],
)
def test_a_provider_that_names_what_is_there_or_another_namespace_is_none(
    provider: dict[str, Any], tmp_path: Any
) -> None:
    telemetry = {"providers": {"t": provider}, "tracing": {"provider": "t"}}
    whole = {**WHOLE, "collector": {**WHOLE["collector"], "http": True, "zipkin": True}}
    assert sentences(tmp_path, {"observability": whole, "telemetry": telemetry}) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"collector": None}, "observability.traces: gets no spans"),
        ({"traces": None}, "observability.collector.endpoint: is required"),
        ({"collector": ELSEWHERE}, "observability.collector.endpoint: takes all spans"),
        ({"collector": {"resources": {"memory_limit": None}}}, "observability.collector.resources.memory_limit: is"),
        ({"collector": {"resources": {"memory_limit": "1Mi"}}}, "observability.collector.resources.memory_limit: must"),
        ({"traces": {"resources": {"memory_limit": "1Mi"}}}, "observability.traces.resources.memory_limit: must"),
        ({"collector": {"namespace": "mesh-traces"}}, "observability.collector.namespace: is the namespace of"),
        ({"traces": {"namespace": "istio-system"}}, "observability.traces.namespace: is the namespace of Istio"),
        ({"traces": {"version": "2.0.0"}}, "observability.traces.version: must be a version of the chart"),
        ({"collector": {"version": "0.90.0"}}, "observability.collector.version: must be a version of the chart"),
        ({"collector": {"endpoint": "otlp.example.com:4317"}}, "observability.collector.endpoint: must be where OTLP"),
        ({"collector": {"endpoint": "https://otlp.example.com:99999"}}, "observability.collector.endpoint: must have"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_sentence(changes: dict[str, Any], said: str, tmp_path: Any) -> None:
    whole = {name: {**part, **change} for name, part in WHOLE.items() if (change := changes.get(name, {})) is not None}
    found = sentences(tmp_path, {"observability": whole})
    assert any(one.startswith(said) for one in found), found
