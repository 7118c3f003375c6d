"""Telemetry objects: one for the mesh (or each namespace of the stack), and one for each app that differs.

Where the data goes is part of the mesh configuration (`mesh.objects.telemetry_providers`). Reference:
https://istio.io/latest/docs/reference/config/telemetry/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatgpt_mesh.istio_api.resource import ObjectMeta, Resource
from chatgpt_mesh.istio_api.telemetry import (
    AccessLogging,
    AccessLogging_Filter,
    Metrics,
    ProviderRef,
    Telemetry,
    Tracing,
    Tracing_CustomTag,
    Tracing_Environment,
    Tracing_Formatter,
    Tracing_Literal,
    Tracing_RequestHeader,
)
from chatgpt_mesh.istio_api.type import WorkloadSelector
from chatgpt_mesh.mesh.objects import mcp_tags, metric_tags
from chatgpt_mesh.mesh.objects.owned import Owned
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE
from chatgpt_mesh.mesh.specs.telemetry import SpanTagSpec
from chatgpt_mesh.mesh.specs.telemetry_providers import JSON_LOG, PROMETHEUS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.mesh.graph import Graph
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.metric_tags import MetricTagSpec
    from chatgpt_mesh.mesh.specs.telemetry import (
        AccessLogSpec,
        AppAccessLogSpec,
        AppTelemetrySpec,
        AppTracingSpec,
        TelemetrySpec,
    )
    from chatgpt_mesh.mesh.specs.telemetry_providers import BackendSpec

URL = "http.url"
"""Name of a tag that every span has, by OpenTelemetry's older conventions."""


def objects(graph: Graph) -> Iterator[Owned]:
    """One Telemetry for the mesh or for each namespace of this stack, and one for each app that differs."""
    spec = graph.telemetry
    if graph.security.scope == "mesh":
        yield Owned(_default(graph, ObjectMeta(name="mesh-default", namespace=ROOT_NAMESPACE)), "telemetry")
    else:
        for namespace in graph.own_namespaces:
            yield Owned(_default(graph, ObjectMeta(name="default", namespace=namespace)), "telemetry")
        # Its namespace is somebody else's, so only its pods are meant.
        for gateway in graph.gateways.values():
            if gateway.existing is not None:
                metadata = ObjectMeta(name=gateway.name, namespace=gateway.home)
                yield Owned(_default(graph, metadata, gateway.pod_labels), gateway.declared_at)
    for name, differing in spec.apps.items():
        yield Owned(_app_telemetry(graph, graph.apps[name], differing), f"telemetry.apps.{name}")


def _default(graph: Graph, metadata: ObjectMeta, labels: Mapping[str, str] | None = None) -> Resource:
    spec = graph.telemetry
    return Resource(
        metadata=metadata,
        spec=Telemetry(
            selector=None if labels is None else WorkloadSelector(match_labels=labels),
            tracing=_tracing(spec, None),
            metrics=(_metrics(graph, {}),),
            access_logging=(_access_logging(spec.access_log),),
        ),
    )


def _app_telemetry(graph: Graph, app: AppSpec, differing: AppTelemetrySpec) -> Resource:
    mesh = graph.telemetry
    return Resource(
        metadata=ObjectMeta(name=app.name, namespace=app.namespace),
        spec=Telemetry(
            selector=WorkloadSelector(match_labels=app.pod_labels),
            tracing=() if differing.tracing is None else _tracing(mesh, differing.tracing),
            metrics=() if differing.metrics is None else (_metrics(graph, differing.metrics.tags),),
            access_logging=() if differing.access_log is None else (_access_logging(differing.access_log),),
        ),
    )


def _tracing(spec: TelemetrySpec, app: AppTracingSpec | None) -> Sequence[Tracing]:
    mesh = spec.tracing
    if mesh is None:
        return (Tracing(disable_span_reporting=True),)
    percent, tags = mesh.sampling_percent, {URL: _url(spec.providers[mesh.provider]), **mesh.tags}
    if app is not None:
        percent = percent if app.sampling_percent is None else app.sampling_percent
        tags |= app.tags
    return (
        Tracing(
            providers=(ProviderRef(name=mesh.provider),),
            random_sampling_percentage=percent,
            custom_tags={name: _span_tag(tags[name]) for name in sorted(tags)},
        ),
    )


def _url(backend: BackendSpec) -> SpanTagSpec:
    # Envoy's own tag of this name has the query, in which a token may stand; one that is declared takes its place.
    return SpanTagSpec(formatter=f"%REQ(:SCHEME)%://%REQ(:AUTHORITY)%%PATH(NQ:ORIG_OR_PATH):{backend.max_tag_length}%")


def _span_tag(tag: SpanTagSpec) -> Tracing_CustomTag:
    if tag.header is not None:
        return Tracing_CustomTag(header=Tracing_RequestHeader(name=tag.header, default_value=tag.default))
    if tag.environment is not None:
        return Tracing_CustomTag(environment=Tracing_Environment(name=tag.environment, default_value=tag.default))
    if tag.formatter is not None:
        return Tracing_CustomTag(formatter=Tracing_Formatter(value=tag.formatter))
    return Tracing_CustomTag(literal=Tracing_Literal(value=tag.literal or ""))


def _access_logging(log: AccessLogSpec | AppAccessLogSpec) -> AccessLogging:
    # `disabled` without a provider has no effect (measured with Istio 1.31), so every entry names it. There is no match
    # by mode: gateways count as clients, and a log of the SERVER side alone would leave them out.
    providers = (ProviderRef(name=JSON_LOG),)
    if not log.enabled:
        return AccessLogging(providers=providers, disabled=True)
    expression = _log_filter(log)
    return AccessLogging(
        providers=providers, filter=None if expression is None else AccessLogging_Filter(expression=expression)
    )


def _log_filter(log: AccessLogSpec | AppAccessLogSpec) -> str | None:
    terms: list[str] = []
    if log.log is not None:
        # A connection without HTTP and a request without an answer have no code: both are worth a line.
        terms += ["!has(response.code)", "response.code >= 400"] if log.log.errors else ["!has(response.code)"]
        if log.log.slower_than is not None:
            terms.append(f"request.duration > duration('{log.log.slower_than.total_seconds():g}s')")
    if log.filter is not None:
        terms.append(f"({log.filter})" if terms else log.filter)
    return " || ".join(terms) or None


def _metrics(graph: Graph, further: Mapping[str, MetricTagSpec]) -> Metrics:
    mesh = graph.telemetry.metrics
    given = mcp_tags.tags(mesh, graph.apps)
    overrides = metric_tags.overrides({**mesh.tags, **further}, mesh.drop, given)
    return Metrics(providers=(ProviderRef(name=PROMETHEUS),), overrides=overrides)
