"""Mistakes in what of observability this stack installs, and how the parts fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.gateway_workload import resource_problems
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.components.specs.observability import ObservabilitySpec


def problems(read: Mapping[str, Any]) -> Iterator[Problem]:
    """`read` are the settings that parsed, by name."""
    spec: ObservabilitySpec | None = read.get("observability")
    if spec is None:
        return
    yield from _resources(spec)
    yield from _homes(spec, read)
    yield from _metrics(spec)
    if spec.login is not None and spec.kiali is None and (spec.grafana is None or spec.grafana.install is None):
        yield Problem(
            "observability.login",
            "stands before nothing: declare observability.kiali or observability.grafana.install, or remove it",
        )


def _metrics(spec: ObservabilitySpec) -> Iterator[Problem]:
    if spec.kiali is not None and spec.metrics_url is None:
        yield Problem(
            "observability.kiali.prometheus",
            "is required: where Kiali reads metrics, such as http://prometheus.observability:9090; or declare "
            "observability.prometheus, and this stack installs one",
        )
    if spec.prometheus is not None and spec.managed_prometheus is not None:
        yield Problem(
            "observability.prometheus",
            "scrapes what observability.managed_prometheus scrapes already, and each alert would be told twice; "
            "remove one of them",
        )
    alerts = spec.alerts
    if alerts is None:
        return
    if alerts.format == "prometheus" and spec.prometheus is None:
        yield Problem(
            "observability.alerts.format",
            "writes files of observability.prometheus, which is not declared; declare it, or use prometheus_operator "
            "or managed_prometheus",
            alerts.format,
        )
    if alerts.format == "prometheus_operator" and spec.prometheus is not None:
        yield Problem(
            "observability.alerts.format",
            "must be prometheus where observability.prometheus scrapes: it reads files and knows no PrometheusRule",
            alerts.format,
        )


def _resources(spec: ObservabilitySpec) -> Iterator[Problem]:
    if spec.prometheus is not None:
        yield from resource_problems("observability.prometheus.resources", spec.prometheus.resources)
    if spec.grafana is not None and spec.grafana.install is not None:
        yield from resource_problems("observability.grafana.install.resources", spec.grafana.install.resources)
    if spec.traces is not None:
        yield from resource_problems("observability.traces.resources", spec.traces.resources)
    if spec.collector is not None:
        yield from resource_problems("observability.collector.resources", spec.collector.resources)
    if spec.login is not None:
        yield from resource_problems("observability.login.resources", spec.login.resources)


def made(spec: ObservabilitySpec) -> dict[str, str]:
    """Namespaces that are made for what is installed, by the path that names them."""
    found: dict[str, str] = {}
    if spec.prometheus is not None:
        found["observability.prometheus.namespace"] = spec.prometheus.namespace
    if spec.grafana is not None and spec.grafana.install is not None:
        found["observability.grafana.namespace"] = spec.grafana.namespace
    if spec.traces is not None:
        found["observability.traces.namespace"] = spec.traces.namespace
    if spec.collector is not None:
        found["observability.collector.namespace"] = spec.collector.namespace
    if spec.login is not None:
        found["observability.login.namespace"] = spec.login.namespace
    return found


def _homes(spec: ObservabilitySpec, read: Mapping[str, Any]) -> Iterator[Problem]:
    """Each has a namespace of its own, since what may reach it is said of the namespace."""
    taken = {ROOT_NAMESPACE: "Istio"}
    for name, app in read.get("apps", {}).items():
        taken.setdefault(app.namespace, f"apps.{name}")
    for name, gateway in read.get("gateways", {}).items():
        taken.setdefault(gateway.home, f"gateways.{name}")
    service = read.get("rate_limit_service")
    if service is not None:
        taken.setdefault(service.namespace, "rate_limit_service")
    cert_manager = read.get("cert_manager")
    if cert_manager is not None:
        taken.setdefault(cert_manager.namespace, "cert_manager")
    if spec.kiali is not None:
        taken.setdefault(spec.kiali.namespace, "observability.kiali")
    for path, namespace in made(spec).items():
        if namespace in taken:
            yield Problem(
                path,
                f"is the namespace of {taken[namespace]}; it needs one of its own, of which is said who reaches it",
                namespace,
            )
        taken.setdefault(namespace, path.removesuffix(".namespace"))
