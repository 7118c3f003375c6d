"""What shows people the mesh: Kiali, Grafana and its dashboards, alerts, Prometheus, traces, and a login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from chatgpt_mesh.components.specs import grafana_chart
from chatgpt_mesh.components.specs.collector import CollectorSpec
from chatgpt_mesh.components.specs.grafana_chart import GrafanaInstallSpec
from chatgpt_mesh.components.specs.login import LoginSpec
from chatgpt_mesh.components.specs.managed_prometheus import TRACES_NAMESPACE, ManagedPrometheusSpec
from chatgpt_mesh.components.specs.metrics_store import PrometheusSpec
from chatgpt_mesh.components.specs.trace_store import TracesSpec
from chatgpt_mesh.mesh.specs.kubernetes_names import LabelKey, Labels, OwnNamespace
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpsUrl, Spec, authority_refusal
from chatgpt_mesh.mesh.specs.telemetry import TelemetrySpec
from chatgpt_mesh.mesh.specs.words import HeaderWord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.components.specs.cluster import ClusterSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

    ServiceUrl = str
else:
    ServiceUrl = text_like(
        r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()+,=:@/-]*)?",
        "must be the URL of a Service inside the cluster, such as http://prometheus.observability:9090",
        longest=500,
        examples=["http://prometheus.observability:9090"],
        further=authority_refusal,
    )


class OpenIdSpec(Spec):
    """Sign-in at an OpenID provider. The client's secret is the key `oidc-secret` of the Secret `kiali`.

    https://kiali.io/docs/configuration/authentication/openid/
    """

    issuer: HttpsUrl
    """The provider."""
    client_id: HeaderWord
    """Id of the client that is registered there for Kiali."""
    username_claim: HeaderWord = "email"
    """Claim that names the person, whose own rights in Kubernetes then decide what Kiali shows."""


class KialiSpec(Spec):
    """Kiali's chart: https://kiali.io/docs/installation/installation-guide/install-with-helm/

    It has no address outside the cluster: people reach it by `kubectl port-forward`, or a route of their own making.
    """

    version: Annotated[str, StringConstraints(pattern=r"^2\.[0-9]+\.[0-9]+$")]
    """Version of the chart `kiali-server`, such as `2.21.0`."""
    repository: HttpsUrl = "https://kiali.org/helm-charts"
    """Helm repository of the chart."""
    namespace: Annotated[DnsLabel, OwnNamespace] = "kiali"
    """Namespace that is made for it."""
    login: Literal["token", "openid"] = "token"
    """token: of a Kubernetes service account. openid: of a person. There is no anonymous: it would show the whole mesh
    to whoever reaches the port."""
    openid: OpenIdSpec | None = None
    """The provider, for `login: openid`."""
    view_only: bool = True
    """Nothing can be changed from its pages, where the next `up` would take it back."""
    prometheus: ServiceUrl | None = None
    """Where it reads metrics. Default: observability.prometheus, where this stack installs it."""
    tracing: ServiceUrl | None = None
    """Where it reads traces: Jaeger's query service. Default: observability.traces, where this stack installs it; else
    no traces."""

    @model_validator(mode="after")
    def _provider(self) -> Self:
        if (self.login == "openid") != (self.openid is not None):
            raise ValueError("openid belongs to login: openid, and is needed there; give both or neither")
        return self


class GrafanaSpec(Spec):
    """Dashboards as ConfigMaps that Grafana's sidecar picks up: a Grafana that is there already, or this stack's."""

    namespace: Annotated[DnsLabel, OwnNamespace]
    """Namespace that its sidecar watches."""
    label: LabelKey = "grafana_dashboard"
    """Label by which the sidecar knows a dashboard; its value is `"1"`."""
    internal_url: ServiceUrl | None = None
    """Where Kiali reaches it, to link to it."""
    external_url: HttpsUrl | None = None
    """Where people reach it."""
    install: GrafanaInstallSpec | None = None
    """Grafana itself, installed by this stack. Default: one is there."""

    @property
    def reached_at(self) -> str | None:
        """Where Kiali reaches it."""
        own = f"http://grafana.{self.namespace}:{grafana_chart.PORT}" if self.install is not None else None
        return self.internal_url or own


class AlertsSpec(Spec):
    """Alerts as rules for Prometheus, one that is there already or this stack's. What each means: docs/alerts.md.

    Budgets and windows are those of the SRE workbook: https://sre.google/workbook/alerting-on-slos/
    """

    format: Literal["prometheus_operator", "managed_prometheus", "prometheus"] = "prometheus_operator"
    """prometheus_operator: a PrometheusRule. managed_prometheus: ClusterRules of Google's Managed Service, which are of
    the whole cluster, since Rules see the metrics of their own namespace alone. prometheus: files of
    observability.prometheus."""
    namespace: Annotated[DnsLabel, OwnNamespace] | None = None
    """Namespace of the PrometheusRule."""
    labels: Labels = {}
    """Labels by which Prometheus selects rules, such as release: prometheus."""
    objective_percent: Annotated[float, Field(ge=90, le=99.999)] = 99.9
    """Share of an app's requests that shall not end with 5xx, over 30 days. The rest is its budget of errors."""
    certificate_days: Annotated[int, Field(ge=1, le=60)] = 14
    """Days before the last of a gateway's certificate on which somebody is told. One that is declared to live less than
    six times as long is told of when a sixth of its life is left."""
    exception_days: Annotated[int, Field(ge=1, le=60)] = 14
    """Days before the last of a dated exception or accepted finding on which somebody is told."""
    time_divisor: Annotated[int, Field(ge=1, le=300)] = 1
    """Divides every window and wait, so that a test sees an alert fire and resolve within minutes. Shorter windows page
    for noise, so it is 1 wherever people are paged."""

    @model_validator(mode="after")
    def _home(self) -> Self:
        if (self.format == "prometheus_operator") != (self.namespace is not None):
            raise ValueError(
                "namespace belongs to format: prometheus_operator, and is needed there; no other format has one"
            )
        if self.format == "prometheus" and self.labels:
            raise ValueError("labels select objects of rules, and format: prometheus writes files; remove them")
        return self


NEEDED_LABELS = frozenset(
    {"reporter", "destination_service", "destination_service_namespace", "destination_version", "response_code"}
)
"""Standard tags that alerts are computed from."""


def problems(read: Mapping[str, Any]) -> Iterator[Problem]:
    """What would watch nothing, or be read by nobody. `read` are the settings that parsed, by name."""
    yield from _alert_problems(read)
    yield from _managed_problems(read)


def _alert_problems(read: Mapping[str, Any]) -> Iterator[Problem]:
    """Alerts that would watch nothing. `read` are the settings that parsed, by name."""
    observability: ObservabilitySpec | None = read.get("observability")
    telemetry: TelemetrySpec = read.get("telemetry") or TelemetrySpec()
    if observability is None or observability.alerts is None:
        return
    dropped = sorted(NEEDED_LABELS & {*telemetry.metrics.drop})
    if dropped:
        yield Problem(
            "telemetry.metrics.drop",
            f"takes away {', '.join(dropped)}, from which observability.alerts are computed; keep it, or remove alerts",
            dropped,
        )
    gateways: Mapping[str, GatewaySpec] = read.get("gateways", {})
    for name, gateway in gateways.items():
        for listener_name, listener in gateway.listeners.items():
            tls = listener.tls
            if tls is not None and tls.cert_manager is None and not telemetry.metrics.proxies:
                yield Problem(
                    "telemetry.metrics.proxies",
                    f"is false, so that nothing says when the certificate of gateways.{name}.listeners.{listener_name} "
                    "ends, of which observability.alerts shall tell; set it to true, or give the listener cert_manager",
                    False,
                )
                return


def _managed_problems(read: Mapping[str, Any]) -> Iterator[Problem]:
    """What nobody would scrape or read. `read` are the settings that parsed, by name."""
    cluster: ClusterSpec | None = read.get("cluster")
    observability: ObservabilitySpec | None = read.get("observability")
    telemetry: TelemetrySpec | None = read.get("telemetry")
    made = cluster.observability if cluster is not None and cluster.kind == "gke" else None
    if observability is not None and observability.managed_prometheus is not None:
        if made is not None and not made.managed_prometheus:
            yield Problem(
                "cluster.observability.managed_prometheus",
                "is false, so that the cluster knows no PodMonitoring, which observability.managed_prometheus makes; "
                "set it to true, or remove that",
                False,
            )
        alerts = observability.alerts
        if alerts is not None and alerts.format != "managed_prometheus":
            yield Problem(
                "observability.alerts.format",
                "must be managed_prometheus where observability.managed_prometheus scrapes: nothing else has the "
                "metrics that the rules read",
                alerts.format,
            )
    if made is None or made.managed_opentelemetry or telemetry is None:
        return
    for name, provider in telemetry.providers.items():
        if provider.service is not None and f".{TRACES_NAMESPACE}." in provider.service:
            yield Problem(
                "cluster.observability.managed_opentelemetry",
                f"is false, so that nothing takes the spans of telemetry.providers.{name}; set it to true",
                False,
            )
            return


class ObservabilitySpec(Spec):
    """What shows people the mesh. Each part is made only where it is declared."""

    kiali: KialiSpec | None = None
    """Kiali."""
    grafana: GrafanaSpec | None = None
    """A dashboard for each app that has a Service, one of the edges, and one of the control plane."""
    alerts: AlertsSpec | None = None
    """Rules for alerts."""
    managed_prometheus: ManagedPrometheusSpec | None = None
    """Scraping by Google's Managed Service for Prometheus, by a PodMonitoring in each namespace of the stack."""
    prometheus: PrometheusSpec | None = None
    """Prometheus, installed by this stack."""
    traces: TracesSpec | None = None
    """A store of traces, installed by this stack."""
    collector: CollectorSpec | None = None
    """An OpenTelemetry collector, installed by this stack, to which proxies send spans."""
    login: LoginSpec | None = None
    """A login before Grafana and Kiali, where this stack installs them."""

    @property
    def metrics_url(self) -> str | None:
        """Where Kiali reads metrics."""
        told = self.kiali.prometheus if self.kiali is not None else None
        return told or (self.prometheus.url if self.prometheus is not None else None)
