"""What Istio's proxy counts, counted by the lab's: an upstream Envoy lacks Istio's filter `istio.stats`.

Envoy's own logger of statistics stands in for it. Tags of a stack's Telemetry objects are evaluated as they ship, by
the CEL of a real proxy on real requests; names and standard labels are written here after Istio's, as far as the
product's dashboards and alerts read them, and Flagger's own queries:
https://istio.io/latest/docs/reference/config/metrics/. Envoy puts `envoy_` before a name, and who scrapes takes it away
(`RELABEL`).

Telemetry objects of single apps are left out: the mesh's own holds for every proxy here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

NAME, NAMESPACE = "lab-istio-metrics", "istio-system"
_TYPE = "type.googleapis.com/envoy.extensions"
_MANAGER = "envoy.filters.network.http_connection_manager"
_TCP_PROXY = "envoy.filters.network.tcp_proxy"

_SERVICE = "xds.cluster_metadata.filter_metadata['istio']['services'][0]"
_SENT = {
    "reporter": "source",
    "source_principal": "%UPSTREAM_LOCAL_URI_SAN%",
    "source_workload": "%ENVIRONMENT(ISTIO_META_WORKLOAD_NAME)%",
    "destination_service": f"%CEL({_SERVICE}['host'])%",
    "destination_service_namespace": f"%CEL({_SERVICE}['namespace'])%",
    "destination_workload_entry": "%UPSTREAM_METADATA(istio:workload)%",
}
_TAKEN = {
    "reporter": "destination",
    "source_principal": "%DOWNSTREAM_PEER_URI_SAN%",
    "destination_workload": "%ENVIRONMENT(ISTIO_META_WORKLOAD_NAME)%",
    "destination_workload_namespace": "%ENVIRONMENT(POD_NAMESPACE)%",
}
_ANSWERED = {"response_code": "%RESPONSE_CODE%", "response_flags": "%RESPONSE_FLAGS%"}

RELABEL: Sequence[Mapping[str, Any]] = (
    {"source_labels": ["__name__"], "regex": "envoy_(istio_.*)", "target_label": "__name__", "replacement": "$1"},
    # istiod describes an endpoint as WORKLOAD;NAMESPACE;APP;VERSION;CLUSTER.
    {
        "source_labels": ["destination_workload_entry"],
        "regex": "([^;]*);[^;]*;[^;]*;([^;]*);.*",
        "target_label": "destination_version",
        "replacement": "$2",
    },
    # Istio's word for what it does not know.
    *(
        {
            "source_labels": ["__name__", label],
            "regex": "istio_[^;]*;-?",
            "target_label": label,
            "replacement": "unknown",
        }
        for label in ("source_principal", "destination_version")
    ),
)
"""`metric_relabel_configs` of Prometheus that make Istio's names and labels of these."""


def tags(objects: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Tag -> expression for each of Istio's metrics, such as REQUEST_COUNT, from a stack's Telemetry objects."""
    found: dict[str, dict[str, str]] = {}
    for manifest in objects:
        if manifest["kind"] != "Telemetry" or "selector" in manifest["spec"]:
            continue
        for metrics in manifest["spec"].get("metrics", ()):
            for override in metrics.get("overrides", ()):
                of_metric = found.setdefault(override["match"]["metric"], {})
                of_metric |= {
                    name: tag["value"] for name, tag in override["tagOverrides"].items() if tag.get("value") is not None
                }
    everywhere = found.pop("ALL_METRICS", {})
    return {metric: everywhere | found.get(metric, {}) for metric in ("REQUEST_COUNT", "REQUEST_DURATION")}


def envoy_filter(of_metrics: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The object that makes every proxy of the mesh count; `of_metrics` as `tags` gives it."""
    patches = [
        patch
        for context, labels in (("GATEWAY", _SENT), ("SIDECAR_OUTBOUND", _SENT), ("SIDECAR_INBOUND", _TAKEN))
        for patch in _patches(context, labels, of_metrics)
    ]
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"configPatches": patches},
    }


def _patches(
    context: str, labels: Mapping[str, str], of_metrics: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, Any]]:
    answered = {**labels, **_ANSWERED}
    requests = _logger(
        counters=[_counter("requests_total", answered, of_metrics["REQUEST_COUNT"])],
        histograms=[
            {
                "stat": _stat("request_duration_milliseconds", answered, of_metrics["REQUEST_DURATION"]),
                "unit": "Milliseconds",
                "value_format": "%DURATION%",
            }
        ],
    )
    connections = _logger(
        counters=[
            _counter("tcp_connections_opened_total", labels, {}),
            {"stat": _stat("tcp_sent_bytes_total", labels, {}), "value_format": "%BYTES_SENT%"},
        ]
    )
    kinds = {
        _MANAGER: (f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager", requests),
        _TCP_PROXY: (f"{_TYPE}.filters.network.tcp_proxy.v3.TcpProxy", connections),
    }
    for name, (kind, logger) in kinds.items():
        yield {
            "applyTo": "NETWORK_FILTER",
            "match": {"context": context, "listener": {"filterChain": {"filter": {"name": name}}}},
            "patch": {"operation": "MERGE", "value": {"typed_config": {"@type": kind, "access_log": [logger]}}},
        }


def _logger(**stats: Any) -> dict[str, Any]:
    configured = {"@type": f"{_TYPE}.access_loggers.stats.v3.Config", "stat_prefix": "istio", **stats}
    return {"name": "envoy.access_loggers.stats", "typed_config": configured}


def _counter(name: str, labels: Mapping[str, str], expressions: Mapping[str, str]) -> dict[str, Any]:
    return {"stat": _stat(name, labels, expressions), "value_fixed": 1}


def _stat(name: str, labels: Mapping[str, str], expressions: Mapping[str, str]) -> dict[str, Any]:
    formats = {**labels, **{tag: f"%CEL({expression})%" for tag, expression in expressions.items()}}
    return {"name": name, "tags": [{"name": tag, "value_format": text} for tag, text in formats.items()]}
