"""Grafana's dashboard of one app, from Istio's standard metrics. Pure: https://istio.io/latest/docs/reference/config/metrics/

Every panel counts at one end of a call, `reporter="source"`: there are answers there that no pod gave, such as the 503
of a full pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))

Panel = dict[str, Any]


def dashboard(app: str, service_host: str, tags: Sequence[str]) -> dict[str, Any]:
    """The dashboard as Grafana reads it. `tags` are the declared tags of `istio_requests_total`, one panel for each."""
    calls = f'reporter="source",destination_service="{service_host}"'
    rate = f"rate(istio_requests_total{{{calls}}}[$__rate_interval])"
    failed, flagged = _with(rate, 'response_code=~"5.."'), _with(rate, 'response_flags!="-"')
    buckets = f"rate(istio_request_duration_milliseconds_bucket{{{calls}}}[$__rate_interval])"
    panels = [
        _panel("Requests by status", "reqps", (f"sum by (response_code) ({rate})", "{{response_code}}")),
        _panel(
            "Share of 5xx",
            "percentunit",
            (f"sum({failed}) / sum({rate})", "5xx"),
        ),
        _panel(
            "Duration",
            "ms",
            *((f"histogram_quantile({value}, sum by (le) ({buckets}))", name) for name, value in _QUANTILES),
        ),
        _panel("Requests by version", "reqps", (f"sum by (destination_version) ({rate})", "{{destination_version}}")),
        # Overflow, no healthy pod, rate limit and the like.
        _panel("Answers of proxies", "reqps", (f"sum by (response_flags) ({flagged})", "{{response_flags}}")),
        _panel("Callers", "reqps", (f"sum by (source_principal) ({rate})", "{{source_principal}}")),
        *(_panel(f"Requests by {tag}", "reqps", (f"sum by ({tag}) ({rate})", f"{{{{{tag}}}}}")) for tag in tags),
    ]
    return {
        "uid": f"mesh-{app}"[:40],
        "title": f"Mesh: {app}",
        "tags": ["istio"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [_placed(panel, position) for position, panel in enumerate(panels)],
    }


def _with(rate: str, matcher: str) -> str:
    return rate.replace("}[", f",{matcher}}}[")


def _panel(title: str, unit: str, *queries: tuple[str, str]) -> Panel:
    return {
        "title": title,
        "type": "timeseries",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expression, "legendFormat": legend}
            for number, (expression, legend) in enumerate(queries)
        ],
    }


def _placed(panel: Panel, position: int) -> Panel:
    row, column = divmod(position, _COLUMNS)
    place = {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    return {"id": position + 1, "gridPos": place, **panel}
