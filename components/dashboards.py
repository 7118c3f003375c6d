"""Grafana's dashboards: one of each app, one of the edges, one of the control plane. Pure, typed by Grafana's builder.

An app's panels count at one end of a call, `reporter="source"`: there are answers there that no pod gave, such as the
503 of a full pool. Metrics: https://istio.io/latest/docs/reference/config/metrics/, and those of Envoy that
`telemetry.metrics.proxies` adds.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.mesh.specs.app import AppSpec

GRID, HEIGHT = 24, 8
"""Columns of Grafana's grid, and how many of its rows a panel has."""

_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_OVER = "[$__rate_interval]"


class Query(NamedTuple):
    expression: str
    legend: str


class Panel(NamedTuple):
    title: str
    unit: str
    """A unit of Grafana's: reqps, cps, Bps, percentunit, ms, s, d, short."""
    queries: tuple[Query, ...]


class Row(NamedTuple):
    title: str
    panels: tuple[Panel, ...]


class Dashboard(NamedTuple):
    uid: str
    """At most 40 characters. Two hyphens: no app has such a name."""
    title: str
    rows: tuple[Row, ...]

    def text(self) -> str:
        """As Grafana reads it."""
        return json.dumps(_built(self), indent=1, sort_keys=True)


def dashboards(mesh: Mesh) -> Iterator[tuple[str, Dashboard]]:
    """(name, dashboard) of each."""
    for name, app in mesh.spec.apps.items():
        if app.service is not None:
            yield f"grafana-dashboard-{name}", of_app(mesh, app)
    yield "grafana-mesh-edges", of_edges(mesh)
    yield "grafana-mesh-control-plane", of_control_plane(mesh)


def of_app(mesh: Mesh, app: AppSpec) -> Dashboard:
    metrics = mesh.spec.telemetry.metrics
    calls = f'reporter="source",destination_service="{app.service_host}"'
    rows = [_golden_signals(calls), _versions(calls), _around(app, calls, proxies=metrics.proxies)]
    if metrics.tools and app.mcp is not None:
        rows.insert(1, _tools(calls))
    tags = sorted(name for name, tag in metrics.tags.items() if "REQUEST_COUNT" in tag.metrics)
    if tags:
        rate = _rate(calls)
        rows.append(Row("By tag", tuple(_by(f"Requests by {tag}", "reqps", rate, tag) for tag in tags)))
    return Dashboard(_uid(app.name), f"Mesh: {app.name}", tuple(rows))


def _uid(app: str) -> str:
    """Grafana takes 40 characters; names that differ behind them must not share one."""
    uid = f"mesh-{app}"
    return uid if len(uid) <= 40 else f"{uid[:31]}-{hashlib.sha256(app.encode()).hexdigest()[:8]}"


def _golden_signals(calls: str) -> Row:
    rate, buckets = _rate(calls), _rate(calls, "istio_request_duration_milliseconds_bucket")
    durations = (Query(f"histogram_quantile({q}, sum by (le) ({buckets}))", name) for name, q in _QUANTILES)
    return Row(
        "Golden signals",
        (
            _by("Requests by status", "reqps", rate, "response_code"),
            Panel("Share of 5xx", "percentunit", (Query(_share(calls), "5xx"),)),
            Panel("Duration", "ms", tuple(durations)),
            # Overflow, no healthy pod, rate limit and the like.
            _by("Answers of proxies", "reqps", _rate(f'{calls},response_flags!="-"'), "response_flags"),
        ),
    )


def _tools(calls: str) -> Row:
    named = f'{calls},mcp_tool!="none"'
    buckets = _rate(named, "istio_request_duration_milliseconds_bucket")
    return Row(
        "Tools",
        (
            _by("Calls by tool", "reqps", _rate(named), "mcp_tool"),
            Panel("Share of 4xx and 5xx by tool", "percentunit", (_by_share(named, "mcp_tool", "[45].."),)),
            Panel("Duration by tool, p95", "ms", (_quantile(0.95, buckets, "mcp_tool"),)),
        ),
    )


def _versions(calls: str) -> Row:
    """The canary against the stable version."""
    buckets = _rate(calls, "istio_request_duration_milliseconds_bucket")
    return Row(
        "Versions",
        (
            _by("Requests by version", "reqps", _rate(calls), "destination_version"),
            Panel("Share of 5xx by version", "percentunit", (_by_share(calls, "destination_version", "5.."),)),
            Panel("Duration by version, p95", "ms", (_quantile(0.95, buckets, "destination_version"),)),
        ),
    )


def _around(app: AppSpec, calls: str, *, proxies: bool) -> Row:
    panels = [_by("Callers", "reqps", _rate(calls), "source_principal")]
    if proxies:
        cluster = f'cluster_name=~"outbound[|][0-9]+[|].*[|]{app.service_host}"'.replace(".svc.", "[.]svc[.]")
        panels += [
            Panel(
                "Ejected pods",
                "short",
                (
                    Query(
                        f"sum by (cluster_name) (envoy_cluster_outlier_detection_ejections_active{{{cluster}}})",
                        _of("cluster_name"),
                    ),
                ),
            ),
            Panel(
                "Refused by a full pool",
                "reqps",
                (
                    Query(
                        f"sum by (cluster_name) (rate(envoy_cluster_upstream_rq_pending_overflow{{{cluster}}}{_OVER}))",
                        _of("cluster_name"),
                    ),
                ),
            ),
        ]
    return Row("Callers and pools", tuple(panels))


def of_edges(mesh: Mesh) -> Dashboard:
    """Gateways: what they answer and why, what is open, what leaves, and how long their certificates live."""
    metrics = mesh.spec.telemetry.metrics
    entered = "|".join(one.release_name for one in mesh.gateways.values() if one.kind != "egress") or "none"
    at = f'reporter="source",source_workload=~"{entered}"'
    answers = [
        Panel(
            "Answers by gateway and status",
            "reqps",
            (Query(f"sum by (source_workload, response_code) ({_rate(at)})", _of("source_workload", "response_code")),),
        )
    ]
    if metrics.refusals:
        refused = _rate(f'{at},refusal!="none"')
        answers.append(_by("Refused, by reason", "reqps", refused, "refusal"))
    limited = _rate(f'{at},response_code="429"')
    answers.append(_by("Over a limit", "reqps", limited, "source_workload"))
    rows = [Row("Answers", tuple(answers))]
    if metrics.proxies:
        pods = f'pod=~"({entered})-.+"'
        streams = f'envoy_http_downstream_rq_active{{http_conn_manager_prefix=~"outbound_.*",{pods}}}'
        rows.append(
            Row(
                "Open at the gateways",
                (
                    Panel("Streams and requests", "short", (Query(f"sum by (pod) ({streams})", _of("pod")),)),
                    Panel("Days left of certificates", "d", tuple(_days_left(mesh))),
                ),
            )
        )
    rows.append(Row("Egress", tuple(_egress(mesh))))
    return Dashboard("mesh--edges", "Mesh: edges", tuple(rows))


def _days_left(mesh: Mesh) -> Iterator[Query]:
    for gateway in mesh.gateways.values():
        for name, listener in gateway.listeners.items():
            if listener.tls is not None and listener.tls.secret is not None:
                metric = certificate_metric(listener.tls.secret)
                yield Query(f"(min({metric}) - time()) / 86400", f"{gateway.name} {name}")


def certificate_metric(secret: str) -> str:
    """When the certificate of a Secret ends, as a gateway serves it. Envoy has the Secret's name within that of the
    metric, as Istio turns Envoy's own labels off."""
    name = "".join(one if one.isascii() and one.isalnum() else "_" for one in f"kubernetes://{secret}")
    return f"envoy_listener_ssl_certificate_{name}_expiration_unix_time_seconds"


def _egress(mesh: Mesh) -> Iterator[Panel]:
    """TLS passes the mesh unopened: connections and bytes are counted, and requests where the mesh itself opens TLS."""
    hosts = "|".join(_pattern(one.name) for one in mesh.spec.egress.allow) or "none"
    to = f'reporter="source",destination_service=~"{hosts}"'
    opened = f"sum by (destination_service) (rate(istio_tcp_connections_opened_total{{{to}}}{_OVER}))"
    sent = f"sum by (destination_service) (rate(istio_tcp_sent_bytes_total{{{to}}}{_OVER}))"
    host = _of("destination_service")
    yield Panel("Connections by host", "cps", (Query(opened, host),))
    yield Panel("Bytes sent by host", "Bps", (Query(sent, host),))
    yield Panel(
        "Connections by caller",
        "cps",
        (Query(opened.replace("(destination_service)", "(source_principal)"), _of("source_principal")),),
    )
    yield _by("Requests by host", "reqps", _rate(to), "destination_service")


def _pattern(host: str) -> str:
    return host.replace(".", "[.]").replace("*", ".*")


def of_control_plane(mesh: Mesh) -> Dashboard:
    def quantiles(metric: str) -> tuple[Query, ...]:
        buckets = f"sum by (le) (rate({metric}_bucket{_OVER}))"
        return tuple(Query(f"histogram_quantile({q}, {buckets})", name) for name, q in _QUANTILES)

    def growth(counter: str, by: str) -> tuple[Query, ...]:
        return (Query(f"sum by ({by}) (increase({counter}{_OVER}))", _of(by)),)

    issuers = sorted({i.issuer for app in mesh.spec.apps.values() for i in (app.auth.issuers if app.auth else ())})
    keys = "Keys of issuers" if issuers else "Keys of issuers (none is declared)"
    fetched = "pilot_jwks_resolver_network_fetch"
    return Dashboard(
        "mesh--control-plane",
        "Mesh: control plane",
        (
            Row(
                "Updates",
                (
                    Panel("From a change to every proxy", "s", quantiles("pilot_proxy_convergence_time")),
                    Panel("Time to build and send", "s", quantiles("pilot_xds_push_time")),
                    Panel("Pushes by type", "short", growth("pilot_xds_pushes", "type")),
                    Panel("Refused by proxies", "short", growth("pilot_total_xds_rejects", "type")),
                    Panel("Connected proxies", "short", (Query("sum by (version) (pilot_xds)", _of("version")),)),
                    Panel("Rejected objects", "short", growth("pilot_total_rejected_configs", "type")),
                ),
            ),
            Row(
                "Identities and keys",
                (
                    Panel(
                        "Days left of the mesh's root certificate",
                        "d",
                        (Query("(min(citadel_server_root_cert_expiry_timestamp) - time()) / 86400", "root"),),
                    ),
                    Panel(
                        "Certificates of workloads",
                        "short",
                        (
                            Query(f"sum(increase(citadel_server_success_cert_issuance_count{_OVER}))", "issued"),
                            Query(f"sum(increase(citadel_server_authentication_failure_count{_OVER}))", "refused"),
                        ),
                    ),
                    Panel(
                        keys,
                        "short",
                        (
                            Query(f"sum(increase({fetched}_success_total{_OVER}))", "fetched"),
                            Query(f"sum(increase({fetched}_fail_total{_OVER}))", "failed"),
                        ),
                    ),
                    Panel(
                        "Certificates that gateways lack",
                        "short",
                        (Query(f"sum(increase(pilot_sds_certificate_errors_total{_OVER}))", "errors"),),
                    ),
                ),
            ),
        ),
    )


def _rate(matchers: str, metric: str = "istio_requests_total") -> str:
    return f"rate({metric}{{{matchers}}}{_OVER})"


def _of(*labels: str) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in labels)


def _by(title: str, unit: str, rate: str, label: str) -> Panel:
    return Panel(title, unit, (Query(f"sum by ({label}) ({rate})", _of(label)),))


def _share(calls: str) -> str:
    """0 where nothing failed: no series would read as no data."""
    failed = _rate(f'{calls},response_code=~"5.."')
    return f"(sum({failed}) or vector(0)) / sum({_rate(calls)})"


def _by_share(calls: str, label: str, codes: str) -> Query:
    failed, all_of_them = _rate(f'{calls},response_code=~"{codes}"'), f"sum by ({label}) ({_rate(calls)})"
    return Query(f"(sum by ({label}) ({failed}) or 0 * {all_of_them}) / {all_of_them}", _of(label))


def _quantile(quantile: float, buckets: str, label: str) -> Query:
    return Query(f"histogram_quantile({quantile}, sum by (le, {label}) ({buckets}))", _of(label))


def _widths(panels: int) -> Iterator[int]:
    """Of the panels of a row, so that no line has a hole: three side by side, two where one would be left over."""
    while panels:
        line = 2 if panels in (2, 4) else min(panels, 3)
        yield from (GRID // line,) * line
        panels -= line


def _built(declared: Dashboard) -> Any:
    # Imported here: it takes a third of a second, and most stacks and every other command do without.
    from grafana_foundation_sdk.builders import dashboard as board
    from grafana_foundation_sdk.builders import prometheus, timeseries
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    source = DataSourceRef(type_val="prometheus", uid="${datasource}")
    built = (
        board.Dashboard(declared.title)
        .uid(declared.uid)
        .tags(["istio"])
        .readonly()
        .refresh("30s")
        .time("now-1h", "now")
        .with_variable(board.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
    )
    for row in declared.rows:
        built = built.with_row(board.Row(row.title))
        for panel, width in zip(row.panels, _widths(len(row.panels)), strict=True):
            shown = timeseries.Panel().title(panel.title).unit(panel.unit).datasource(source).span(width).height(HEIGHT)
            # From zero on: a line at the top of a panel is no alarm by itself.
            shown = shown.min(0)
            for number, query in enumerate(panel.queries):
                asked = prometheus.Dataquery().expr(query.expression).legend_format(query.legend)
                shown = shown.with_target(asked.ref_id(chr(ord("A") + number)).datasource(source))
            built = built.with_panel(shown)
    return json.loads(JSONEncoder(sort_keys=True).encode(built.build()))
