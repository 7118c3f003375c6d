"""Traces, access logs and metric tags, for the mesh and for single apps.

Where the data goes is part of the mesh configuration (`extension_providers`); what is recorded are Telemetry objects.
Nothing that could be used to act as somebody is recorded (`mesh.specs.confidential`), and metric tags have a declared,
closed set of values: each value is a time series per workload and status, and a header is whatever a client writes.

Reference: https://istio.io/latest/docs/reference/config/telemetry/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import StringConstraints

from chatgpt_mesh.mesh.specs import cel, metric_tags
from chatgpt_mesh.mesh.specs.confidential import environment_refusal, format_refusal, header_refusal
from chatgpt_mesh.mesh.specs.declared import Declared, listed
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Duration, HeaderName, Many, Percent, Spec, within
from chatgpt_mesh.mesh.specs.telemetry_providers import (
    ACCESS_LOG_FIELDS,
    JSON_LOG,
    MCP_LOG_FIELDS,
    PROMETHEUS,
    BackendSpec,
)
from chatgpt_mesh.mesh.specs.words import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec


class SpanTagSpec(Spec):
    """A tag of every span. Exactly one of header, literal, environment and formatter."""

    header: HeaderName | None = None
    """Value of a request header. Clients write headers: never take one for an identity."""
    default: Line | None = None
    """Value where the header or variable is absent."""
    literal: Line | None = None
    """This text."""
    environment: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """Value of a variable of the proxy's environment, such as ISTIO_META_CLUSTER_ID."""
    formatter: Line | None = None
    """Operators of Envoy's access log, such as %RESPONSE_CODE%."""


class TracingSpec(Spec):
    """Distributed tracing."""

    provider: DnsLabel
    """One of `telemetry.providers`."""
    sampling_percent: Percent = 1.0
    """Share of requests that are traced, decided where a request enters the mesh. 100 is for debugging."""
    tags: dict[metric_tags.TagName, SpanTagSpec] = {}
    """Tags by name."""


class AppTracingSpec(Spec):
    """What differs for one app."""

    sampling_percent: Percent | None = None
    """Share of requests that are traced where they start here. Default: that of the mesh."""
    tags: dict[metric_tags.TagName, SpanTagSpec] = {}
    """Further tags, or others under the same name."""


class LogSelectionSpec(Spec):
    """Requests that are logged: any of these. TCP connections always are, as they have no status."""

    errors: bool = True
    """Answers of 400 and more, and requests without an answer."""
    slower_than: Annotated[Duration, within("1ms", "24h")] | None = None
    """Requests that took longer."""


class AccessLogSpec(Spec):
    """The access log: one JSON object per line on the proxy's standard output."""

    enabled: bool = True
    """Whether anything is logged."""
    log: LogSelectionSpec | None = None
    """What is logged. Without it and `filter`: everything."""
    filter: str | None = None
    """CEL over Envoy's attributes; what it holds for is logged as well, such as request.method == 'DELETE'."""
    fields: dict[metric_tags.TagName, Line | Literal[""]] = {}
    """Further fields, by name, as operators of Envoy's access log; an empty text removes a default field."""
    mcp: bool = False
    """Fields of MCP at gateways that read calls: mcp_method, mcp_tool, mcp_protocol_version, and mcp_session, a digest
    that tells sessions apart and opens none; null where nothing is read. Arguments and session ids are never logged."""


class AppAccessLogSpec(Spec):
    """What differs for one app."""

    enabled: bool = True
    """Whether anything is logged."""
    log: LogSelectionSpec | None = None
    """What is logged. Without it and `filter`: everything."""
    filter: str | None = None
    """CEL over Envoy's attributes; what it holds for is logged as well."""


class MetricsSpec(Spec):
    """Prometheus metrics of every proxy, merged with those of the app on port 15020."""

    tags: dict[metric_tags.TagName, metric_tags.MetricTagSpec] = {}
    """Further tags by name."""
    drop: Many[metric_tags.TagName] = ()
    """Standard tags that are left out of all metrics to save series, such as request_protocol."""
    refusals: bool = False
    """Tag `refusal` of request counts: why a request was refused (no_token, wrong_token, token_not_verified,
    missing_scope, policy, limit, too_large, other), or none."""
    tools: bool = False
    """Tag `mcp_tool` of request counts and durations: the tool that is called, where this declaration names it under
    auth.tools, auth.anonymous or a limit; else other, or none."""
    proxies: bool = False
    """Export what Istio leaves out of a proxy's own statistics: open streams, ejected pods, full pools, and the last
    days of gateways' certificates. A proxy reads this at its start: restart gateways and apps after a change.
    https://istio.io/latest/docs/ops/configuration/telemetry/envoy-stats/"""


class AppMetricsSpec(Spec):
    """What differs for one app."""

    tags: dict[metric_tags.TagName, metric_tags.MetricTagSpec] = {}
    """Further tags, or others under the same name."""


class AppTelemetrySpec(Spec):
    """What differs for one app's sidecars."""

    tracing: AppTracingSpec | None = None
    """Traces."""
    access_log: AppAccessLogSpec | None = None
    """Access log."""
    metrics: AppMetricsSpec | None = None
    """Metrics."""


class TelemetrySpec(Spec):
    """What the mesh records, and where it goes."""

    providers: dict[DnsLabel, BackendSpec] = {}
    """Backends of traces by name."""
    tracing: TracingSpec | None = None
    """Traces. None: no proxy reports any."""
    access_log: AccessLogSpec = AccessLogSpec(log=LogSelectionSpec())
    """Access log. Default: errors."""
    metrics: MetricsSpec = MetricsSpec()
    """Metrics."""
    apps: dict[DnsLabel, AppTelemetrySpec] = {}
    """What differs, by app."""

    @property
    def access_log_fields(self) -> dict[str, str]:
        """Fields of a log line in the order of their names."""
        fields = ACCESS_LOG_FIELDS | (MCP_LOG_FIELDS if self.access_log.mcp else {}) | self.access_log.fields
        return {name: fields[name] for name in sorted(fields) if fields[name]}


def named_tools(apps: Mapping[str, AppSpec]) -> tuple[str, ...]:
    """The tools that a declaration names, which are the values of the tag `mcp_tool`."""
    found: set[str] = set()
    for app in apps.values():
        for _, _, limit in app.limits:
            found |= limit.tools.keys()
        if app.auth is not None:
            found |= app.auth.tools.keys()
            found |= {*(app.auth.anonymous.tools if app.auth.anonymous is not None else ())}
    return tuple(sorted(found))


def problems(spec: TelemetrySpec, apps: Declared[AppSpec]) -> Iterator[Problem]:
    """Mistakes that types cannot see."""
    named = named_tools(apps)
    if spec.metrics.tools and len(named) > metric_tags.MOST_VALUES:
        yield Problem(
            "telemetry.metrics.tools",
            f"would count {len(named)} tools that apps name, each as series of its own; at most "
            f"{metric_tags.MOST_VALUES}: leave it false, or tag those that matter under telemetry.metrics.tags",
            True,
        )
    for name, backend in spec.providers.items():
        yield from backend.problems(f"telemetry.providers.{name}")
        if name in (JSON_LOG, PROMETHEUS):
            yield Problem(f"telemetry.providers.{name}", f"{name} is there in any case; give the backend another name")
    tracing = spec.tracing
    if tracing is not None:
        if tracing.provider not in spec.providers:
            known = ", ".join(sorted(spec.providers)) or "none is declared"
            yield Problem(
                "telemetry.tracing.provider", f"must be one of telemetry.providers: {known}", tracing.provider
            )
        yield from _span_tag_problems("telemetry.tracing.tags", tracing.tags)
    yield from _log_problems("telemetry.access_log", spec.access_log)
    for name, text in spec.access_log.fields.items():
        if refusal := format_refusal(text):
            yield Problem(f"telemetry.access_log.fields.{name}", refusal, text)
    yield from metric_tags.problems("telemetry.metrics.tags", spec.metrics.tags)
    for name, app in spec.apps.items():
        path = f"telemetry.apps.{name}"
        if not apps.knows(name):
            yield Problem(path, f"is no app of this stack (apps: {listed(sorted(apps))})", name)
        if app.tracing is not None:
            if tracing is None:
                yield Problem(f"{path}.tracing", "the mesh has no tracing to differ from; declare telemetry.tracing")
            yield from _span_tag_problems(f"{path}.tracing.tags", app.tracing.tags)
        if app.access_log is not None:
            yield from _log_problems(f"{path}.access_log", app.access_log)
        if app.metrics is not None:
            yield from metric_tags.problems(f"{path}.metrics.tags", app.metrics.tags)


def _span_tag_problems(path: str, tags: Mapping[str, SpanTagSpec]) -> Iterator[Problem]:
    for name, tag in tags.items():
        sources = {n: getattr(tag, n) for n in ("header", "literal", "environment", "formatter")}
        given = [n for n, value in sources.items() if value is not None]
        if len(given) != 1:
            shown = ", ".join(given) or "none"
            yield Problem(f"{path}.{name}", f"needs exactly one of {', '.join(sources)} (given: {shown})")
        if tag.default is not None and tag.header is None and tag.environment is None:
            yield Problem(f"{path}.{name}.default", "is for header and environment, which may be absent; remove it")
        if tag.header is not None and (refusal := header_refusal(tag.header)):
            yield Problem(f"{path}.{name}.header", refusal, tag.header)
        if tag.environment is not None and (refusal := environment_refusal(tag.environment)):
            yield Problem(f"{path}.{name}.environment", refusal, tag.environment)
        if tag.formatter is not None and (refusal := format_refusal(tag.formatter)):
            yield Problem(f"{path}.{name}.formatter", refusal, tag.formatter)


def _log_problems(path: str, log: AccessLogSpec | AppAccessLogSpec) -> Iterator[Problem]:
    if log.filter is not None and (refusal := cel.syntax_refusal(log.filter)):
        yield Problem(f"{path}.filter", refusal, log.filter)
    if not log.enabled and (log.filter is not None or log.log is not None):
        yield Problem(f"{path}.enabled", "is false, so log and filter select nothing; remove them", False)
    if log.log is not None and not log.log.errors and log.log.slower_than is None and log.filter is None:
        yield Problem(f"{path}.log", "selects nothing; give slower_than, or say enabled: false")
