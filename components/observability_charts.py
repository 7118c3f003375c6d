"""Values of the charts of Prometheus and Grafana. Pure.

https://github.com/prometheus-community/helm-charts/blob/main/charts/prometheus/values.yaml
https://github.com/grafana/helm-charts/blob/main/charts/grafana/values.yaml
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chatgpt_mesh.components.managed_prometheus import (
    CERT_MANAGER_PORT,
    CONTROL_PLANE_PORT,
    OF_CERT_MANAGER,
    OF_PROXIES,
    OF_THE_CONTROL_PLANE,
    PROXY_PORT,
)
from chatgpt_mesh.components.restricted_pods import RESTRICTED, owning_volumes, requested
from chatgpt_mesh.components.specs import grafana_chart, metrics_store
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chatgpt_mesh.components.managed_prometheus import Scraped
    from chatgpt_mesh.components.specs.grafana_chart import GrafanaInstallSpec
    from chatgpt_mesh.components.specs.login import LoginSpec
    from chatgpt_mesh.components.specs.metrics_store import PrometheusSpec
    from chatgpt_mesh.components.specs.observability import GrafanaSpec

GRAFANA_PATH = "/grafana/"


def prometheus_values(spec: PrometheusSpec, scraped: Scraped, rules: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Values of the chart `prometheus`. `rules` are groups of alerts and of what they record."""
    seconds = f"{int(spec.interval.total_seconds())}s"
    server: dict[str, Any] = {
        # Grafana and Kiali know it by this name.
        "fullnameOverride": "prometheus",
        "global": {"scrape_interval": seconds, "scrape_timeout": "5s", "evaluation_interval": "1m"},
        "retention": f"{spec.retention_days}d",
        "persistentVolume": {"enabled": True, "size": spec.storage, **volume_class("storageClass", spec.storage_class)},
        "resources": requested(spec.resources),
        "service": {"type": "ClusterIP", "servicePort": metrics_store.PORT},
        "ingress": {"enabled": False},
        # One volume is mounted once: the next pod waits until the last is gone.
        "strategy": {"type": "Recreate"},
        "securityContext": owning_volumes(65534),
        "containerSecurityContext": RESTRICTED,
    }
    if spec.alertmanager is not None:
        server["alertmanagers"] = [{"static_configs": [{"targets": [spec.alertmanager]}]}]
    return {
        "server": server,
        "configmapReload": {"prometheus": {"containerSecurityContext": RESTRICTED}},
        **{part: {"enabled": False} for part in _NOT_OF_THE_MESH},
        "serverFiles": {
            "alerting_rules.yml": {"groups": list(rules)},
            "prometheus.yml": {
                "rule_files": ["/etc/config/alerting_rules.yml"],
                "scrape_configs": list(scrape_configs(spec, scraped)),
            },
        },
    }


_NOT_OF_THE_MESH = ("alertmanager", "kube-state-metrics", "prometheus-node-exporter", "prometheus-pushgateway")


def scrape_configs(spec: PrometheusSpec, scraped: Scraped) -> Iterator[dict[str, Any]]:
    """The targets of a managed Prometheus, as Prometheus itself finds them.

    No certificate is needed under STRICT mutual TLS: the proxies' port belongs to Istio's agent, and is not captured.
    https://istio.io/latest/docs/ops/integrations/prometheus/#tls-settings
    """
    if scraped.proxies:
        injected = [
            _keep("__meta_kubernetes_pod_labelpresent_service_istio_io_canonical_name", "true"),
            _keep("__meta_kubernetes_pod_phase", "Running"),
            _address(PROXY_PORT),
        ]
        job = _job("mesh-proxies", scraped.proxies, injected)
        yield {**job, "metrics_path": "/stats/prometheus", **_kept(spec, OF_PROXIES)}
    if scraped.control_plane:
        istiod = [_keep("__meta_kubernetes_pod_label_app", "istiod"), _address(CONTROL_PLANE_PORT)]
        yield {**_job("mesh-istiod", [ROOT_NAMESPACE], istiod), **_kept(spec, OF_THE_CONTROL_PLANE)}
    if scraped.cert_manager is not None:
        controller = [
            _keep("__meta_kubernetes_pod_label_app_kubernetes_io_name", "cert-manager"),
            _keep("__meta_kubernetes_pod_label_app_kubernetes_io_component", "controller"),
            _address(CERT_MANAGER_PORT),
        ]
        yield {**_job("mesh-cert-manager", [scraped.cert_manager], controller), **_kept(spec, OF_CERT_MANAGER)}


def _job(name: str, namespaces: Sequence[str], relabeled: list[dict[str, Any]]) -> dict[str, Any]:
    labels = [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": label}
        for source, label in (("namespace", "namespace"), ("pod_name", "pod"))
    ]
    return {
        "job_name": name,
        # Each port of a pod is a target; of one address and the same labels they are one.
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": list(namespaces)}}],
        "relabel_configs": [*relabeled, *labels],
    }


def _keep(source: str, value: str) -> dict[str, Any]:
    return {"action": "keep", "source_labels": [source], "regex": value}


def _address(port: int) -> dict[str, Any]:
    return {
        "source_labels": ["__meta_kubernetes_pod_ip"],
        "regex": "(.+)",
        "replacement": f"$1:{port}",
        "target_label": "__address__",
    }


def _kept(spec: PrometheusSpec, names: Iterable[str]) -> dict[str, Any]:
    if spec.every_metric:
        return {}
    rule = {"action": "keep", "source_labels": ["__name__"], "regex": "|".join(names)}
    return {"metric_relabel_configs": [rule]}


def grafana_values(
    grafana: GrafanaSpec,
    install: GrafanaInstallSpec,
    prometheus: str | None,
    login: LoginSpec | None,
    traces: str | None = None,
) -> dict[str, Any]:
    """Values of the chart `grafana`. `prometheus` and `traces` are URLs of its data sources."""
    found: dict[str, Any] = {
        "fullnameOverride": "grafana",
        "service": {"type": "ClusterIP", "port": grafana_chart.PORT, "targetPort": grafana_chart.PORT},
        "ingress": {"enabled": False},
        "testFramework": {"enabled": False},
        # It runs as root; the volume's group is set by fsGroup.
        "initChownData": {"enabled": False},
        # Its sidecar reads ConfigMaps of its own namespace, and nobody's Secrets.
        "rbac": {"namespaced": True},
        "deploymentStrategy": {"type": "Recreate"},
        "admin": {"existingSecret": install.admin_secret, "userKey": "admin-user", "passwordKey": "admin-password"},
        "persistence": {
            "enabled": True,
            "size": install.storage,
            **volume_class("storageClassName", install.storage_class),
        },
        "resources": requested(install.resources),
        "securityContext": owning_volumes(472),
        # Plugins and sessions are on its volume; the chart mounts nothing at /tmp.
        "containerSecurityContext": {name: said for name, said in RESTRICTED.items() if name != _READ_ONLY},
        "sidecar": {
            "securityContext": {name: said for name, said in RESTRICTED.items() if name != _READ_ONLY},
            "dashboards": {"enabled": True, "label": grafana.label, "labelValue": "1", "resource": "configmap"},
        },
        "grafana.ini": _settings(grafana, login),
    }
    sources = [
        _source(name, url, default=name == "Prometheus")
        for name, url in (("Prometheus", prometheus), ("Tempo", traces))
        if url is not None
    ]
    if sources:
        found["datasources"] = {"datasources.yaml": {"apiVersion": 1, "datasources": sources}}
    return found


def _source(name: str, url: str, *, default: bool) -> dict[str, Any]:
    """https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources"""
    kind = name.lower()
    return {
        "name": name,
        "uid": kind,
        "type": kind,
        "access": "proxy",
        "url": url,
        "isDefault": default,
        "editable": False,
    }


_READ_ONLY = "readOnlyRootFilesystem"


def _settings(grafana: GrafanaSpec, login: LoginSpec | None) -> dict[str, Any]:
    """https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/"""
    found: dict[str, Any] = {
        "analytics": {"reporting_enabled": False, "check_for_updates": False, "check_for_plugin_updates": False},
        "auth.anonymous": {"enabled": False},
        "users": {"allow_sign_up": False, "auto_assign_org_role": "Viewer"},
        "security": {"cookie_secure": True, "cookie_samesite": "lax", "disable_gravatar": True},
        "snapshots": {"external_enabled": False},
    }
    if login is not None:
        found["server"] = {
            "root_url": f"{login.url}{GRAFANA_PATH}",
            "domain": urlsplit(login.url).hostname,
            "serve_from_sub_path": True,
        }
        # Who came is what the login says. Whoever else reached the port could say anything, so that the namespace's
        # policy lets nobody else in, and a person gets no more than to look.
        found["auth.proxy"] = {
            "enabled": True,
            "header_name": "X-Forwarded-Email",
            "header_property": "email",
            "auto_sign_up": True,
            "enable_login_token": False,
        }
        # The login hands on what a client sends as Authorization; a password is not asked for there.
        found["auth.basic"] = {"enabled": False}
        found["auth"] = {"disable_login_form": True, "disable_signout_menu": True}
    elif grafana.external_url is not None:
        found["server"] = {"root_url": grafana.external_url}
    return found


def volume_class(key: str, name: str | None) -> dict[str, str]:
    """A volume's class where one is declared, by the chart's own key."""
    return {} if name is None else {key: name}
