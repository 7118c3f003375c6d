"""Rules of Prometheus: what somebody is told of, and when. Pure.

Metrics are those that Istio's proxies and istiod export, and of proxies' own what `telemetry.metrics.proxies` adds:
https://istio.io/latest/docs/reference/config/metrics/. Errors are counted where a call begins, `reporter="source"`:
there are answers there that no pod gave.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from chatgpt_mesh.components.canary_queries import FAILING, SLOW, CanaryQueries
from chatgpt_mesh.components.dashboards import certificate_metric
from chatgpt_mesh.components.dated_exceptions import dated_exceptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.components.dated_exceptions import DatedException
    from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
    from chatgpt_mesh.components.specs.observability import AlertsSpec
    from chatgpt_mesh.mesh.build import Mesh
    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.listeners import ListenerTlsSpec

Rule = dict[str, Any]
Severity = Literal["page", "ticket"]


class Alert(StrEnum):
    """Every alert that there is. What each means, and what to do then: docs/alerts.md."""

    APP_BURNS_ITS_ERROR_BUDGET = "AppBurnsItsErrorBudget"
    CANARY_FAILS_MORE_THAN_STABLE = "CanaryFailsMoreThanStable"
    CANARY_IS_SLOWER_THAN_STABLE = "CanaryIsSlowerThanStable"
    GATEWAY_CERTIFICATE_ENDS = "GatewayCertificateEnds"
    PROXY_REFUSED_UPDATE = "ProxyRefusedUpdate"
    ISSUER_KEYS_FAIL = "IssuerKeysFail"
    CONTROL_PLANE_IS_NOT_SCRAPED = "ControlPlaneIsNotScraped"
    EXCEPTION_RUNS_OUT = "ExceptionRunsOut"


MINUTE, HOUR, DAY = 60, 3600, 86400

BURN_RATES: tuple[tuple[Severity, float, int, int], ...] = (
    ("page", 14.4, HOUR, 5 * MINUTE),
    ("page", 6.0, 6 * HOUR, 30 * MINUTE),
    ("ticket", 1.0, 3 * DAY, 6 * HOUR),
)
"""(severity, times the budget, long window, short window): 14.4 for an hour is 2 % of the budget of 30 days, 6 for six
hours 5 %, 1 for three days 10 %. The short window lets an alert end soon after the fault."""

_CANARY_WINDOW = 10 * MINUTE
_LEAST_REQUESTS = 20
"""Requests of a canary in the window below which nothing is said of it."""


class Windows:
    """Spans as Prometheus writes them, all divided by one number."""

    def __init__(self, divisor: int) -> None:
        self._divisor = divisor

    def __call__(self, seconds: int) -> str:
        span = max(1, seconds // self._divisor)
        for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
            if span % size == 0:
                return f"{span // size}{unit}"
        return f"{span}s"


def manifest(spec: AlertsSpec, mesh: Mesh, accepted: Iterable[AcceptedRiskSpec]) -> dict[str, Any]:
    """The object that holds all rules, in the declared format."""
    operator = spec.format == "prometheus_operator"
    return {
        "apiVersion": "monitoring.coreos.com/v1" if operator else "monitoring.googleapis.com/v1",
        "kind": "PrometheusRule" if operator else "ClusterRules",
        "metadata": {
            "name": "mesh-alerts",
            **({"namespace": spec.namespace} if operator else {}),
            **({"labels": dict(spec.labels)} if spec.labels else {}),
        },
        "spec": {"groups": groups(spec, mesh, accepted)},
    }


def groups(spec: AlertsSpec, mesh: Mesh, accepted: Iterable[AcceptedRiskSpec]) -> list[dict[str, Any]]:
    """Groups of rules as Prometheus reads them, without those that would be empty."""
    span = Windows(spec.time_divisor)
    made = {
        "mesh-errors": [*_ratios(mesh, span), *_burn_rates(spec, span)],
        "mesh-canaries": [rule for app in mesh.spec.apps.values() for rule in _canary(app, span)],
        "mesh-certificates": list(_certificates(spec, mesh, span)),
        "mesh-control-plane": list(_control_plane(span)),
        "mesh-exceptions": [_runs_out(spec, one) for one in dated_exceptions(mesh, accepted)],
    }
    return [{"name": name, "interval": span(MINUTE), "rules": rules} for name, rules in made.items() if rules]


def _alert(name: Alert, expression: str, severity: Severity, wait: str, summary: str, **labels: str) -> Rule:
    return {
        "alert": name.value,
        "expr": expression,
        "for": wait,
        "labels": {"severity": severity, **labels},
        "annotations": {"summary": summary},
    }


def _ratio_name(window: str) -> str:
    return f"mesh:errors:ratio_rate{window}"


def _ratios(mesh: Mesh, span: Windows) -> Iterator[Rule]:
    """Shares of 5xx of each app, which alerts of several windows read."""
    namespaces = "|".join(sorted({app.namespace for app in mesh.spec.apps.values() if app.service is not None}))
    if not namespaces:
        return
    called = f'reporter="source",destination_service_namespace=~"{namespaces}"'
    windows = dict.fromkeys(window for _, _, *both in BURN_RATES for window in both)
    for seconds in windows:
        window = span(seconds)
        total = f"sum by (destination_service) (rate(istio_requests_total{{{called}}}[{window}]))"
        failed = total.replace("}[", ',response_code=~"5.."}[')
        yield {"record": _ratio_name(window), "expr": f"{failed} / {total}"}


def _burn_rates(spec: AlertsSpec, span: Windows) -> Iterator[Rule]:
    budget = 1 - spec.objective_percent / 100
    for severity, times, long, short in BURN_RATES:
        limit = f"{times * budget:.6g}"
        names = (_ratio_name(span(long)), _ratio_name(span(short)))
        yield _alert(
            Alert.APP_BURNS_ITS_ERROR_BUDGET,
            " and ".join(f"{name} > {limit}" for name in names),
            severity,
            span(2 * MINUTE),
            f"{{{{ $labels.destination_service }}}} fails {times:g} times as often as {spec.objective_percent:g} % "
            f"without 5xx allows: {{{{ $value | humanizePercentage }}}} over {span(long)}.",
            window=span(long),
        )


def _canary(app: AppSpec, span: Windows) -> Iterator[Rule]:
    """A version on trial against the stable one, where the standard label of versions tells them apart."""
    rollout, queries = app.rollout, CanaryQueries.of(app, span(_CANARY_WINDOW))
    if queries is None or rollout is None or rollout.canary is None or rollout.canary.percent in (0, 100):
        return
    canary, stable = queries.canary, queries.stable
    enough = f"{queries.requests(canary)} >= {_LEAST_REQUESTS}"
    who = f"{rollout.canary.version} of {app.name}"
    labels = {"app": app.name, "version": rollout.canary.version}
    failing, slow = queries.failing, queries.p95
    yield _alert(
        Alert.CANARY_FAILS_MORE_THAN_STABLE,
        f"{failing(canary)} > {FAILING.floor:g} and {failing(canary)} > {FAILING.times:g} * ({failing(stable)}) "
        f"and {enough}",
        "page",
        span(5 * MINUTE),
        f"{who} ends {{{{ $value | humanizePercentage }}}} of its requests with 5xx, more than twice as many as "
        f"{rollout.stable}; take its percent back.",
        **labels,
    )
    yield _alert(
        Alert.CANARY_IS_SLOWER_THAN_STABLE,
        f"{slow(canary)} > {SLOW.times:g} * {slow(stable)} and {slow(canary)} > {SLOW.floor:g} and {enough}",
        "ticket",
        span(5 * MINUTE),
        f"{who} takes {{{{ $value | humanize }}}} ms at the 95th percentile, half as long again as {rollout.stable}.",
        **labels,
    )


def _certificates(spec: AlertsSpec, mesh: Mesh, span: Windows) -> Iterator[Rule]:
    for gateway in mesh.gateways.values():
        for listener_name, listener in gateway.listeners.items():
            tls = listener.tls
            if tls is None or tls.secret is None:
                continue
            left = _told_before(spec, tls)
            where = f"{gateway.declared_at}.listeners.{listener_name}"
            for seen_by, metric in _last_seconds(tls, mesh.spec.telemetry.metrics.proxies):
                yield _alert(
                    Alert.GATEWAY_CERTIFICATE_ENDS,
                    f"min({metric}) - time() < {left}",
                    "ticket",
                    span(5 * MINUTE),
                    f"The certificate of {where} (Secret {tls.secret} in {gateway.home}) ends in "
                    "{{ $value | humanizeDuration }}, and nothing has renewed it.",
                    gateway=gateway.name,
                    listener=listener_name,
                    seen_by=seen_by,
                )


def _told_before(spec: AlertsSpec, tls: ListenerTlsSpec) -> int:
    days = timedelta(days=spec.certificate_days)
    lives = tls.cert_manager.duration if tls.cert_manager is not None else None
    return int((days if lives is None else min(days, lives / 6)).total_seconds())


def _last_seconds(tls: ListenerTlsSpec, proxies: bool) -> Iterator[tuple[str, str]]:
    """When a certificate ends: as the gateway serves it, and as cert-manager has it."""
    if proxies:
        yield "gateway", certificate_metric(tls.secret or "")
    if tls.cert_manager is not None:
        # By its name alone: whether its namespace is called `namespace` depends on how it is scraped.
        yield "cert-manager", f'certmanager_certificate_expiration_timestamp_seconds{{name="{tls.secret}"}}'


def _grown(counter: str, by: str, window: str) -> str:
    """Where a counter is higher than a while ago, or there for the first time: a rate does not see the first of all."""
    now = f"sum by ({by}) ({counter})" if by else f"sum({counter})"
    before = now.replace(counter, f"{counter} offset {window}")
    return f"{now} > ({before} or 0 * {now})"


def _control_plane(span: Windows) -> Iterator[Rule]:
    yield _alert(
        Alert.PROXY_REFUSED_UPDATE,
        _grown("pilot_total_xds_rejects", "type", span(10 * MINUTE)),
        "page",
        "0s",
        "A proxy refused an update ({{ $labels.type }}) and goes on as before: `python -m mesh verify` says why.",
    )
    yield _alert(
        Alert.ISSUER_KEYS_FAIL,
        _grown("pilot_jwks_resolver_network_fetch_fail_total", "", span(30 * MINUTE)),
        "page",
        "0s",
        "istiod cannot fetch the keys of an issuer; when it changes them, every token of it will be refused.",
    )
    yield _alert(
        Alert.CONTROL_PLANE_IS_NOT_SCRAPED,
        'absent(istio_build{component="pilot"})',
        "ticket",
        span(15 * MINUTE),
        "Prometheus gets no metrics of istiod, so that no other alert of the control plane can fire.",
    )


def _runs_out(spec: AlertsSpec, exception: DatedException) -> Rule:
    """After its last day the program stops, so somebody has to act before."""
    until = exception.until
    end = int((datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)).timestamp())
    return _alert(
        Alert.EXCEPTION_RUNS_OUT,
        f"vector({end}) - time() < {spec.exception_days * DAY}",
        "ticket",
        "0s",
        f"{exception.declared_at} ends on {until.isoformat()}: {exception.what}. After that day the program stops.",
        exception=exception.declared_at,
    )
