"""Kiali, Grafana and its dashboards, alerts, Prometheus or what Google's scrapes, traces, and the login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_kubernetes.helm import v4 as helm

from chatgpt_mesh.components.alerts import groups, manifest
from chatgpt_mesh.components.dashboards import dashboards
from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.components.login import manifests
from chatgpt_mesh.components.managed_prometheus import pod_monitorings
from chatgpt_mesh.components.namespaces import namespace
from chatgpt_mesh.components.observability_charts import GRAFANA_PATH, grafana_values, prometheus_values
from chatgpt_mesh.components.observability_policies import KIALI_PORT, policies
from chatgpt_mesh.components.sealing import nothing_secret
from chatgpt_mesh.components.specs import grafana_chart
from chatgpt_mesh.components.specs.observability_installed import made
from chatgpt_mesh.components.traces_charts import collector_values, tempo_values
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.components.managed_prometheus import Scraped
    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.sealing import Sealing
    from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
    from chatgpt_mesh.components.specs.collector import CollectorSpec
    from chatgpt_mesh.components.specs.grafana_chart import GrafanaInstallSpec
    from chatgpt_mesh.components.specs.metrics_store import PrometheusSpec
    from chatgpt_mesh.components.specs.observability import GrafanaSpec, KialiSpec, ObservabilitySpec
    from chatgpt_mesh.components.specs.trace_store import TracesSpec
    from chatgpt_mesh.mesh.build import Mesh

KIALI_PATH = "/kiali/"

RESTRICTED_PODS = {"pod-security.kubernetes.io/enforce": "restricted"}
"""Label by which Kubernetes refuses a pod that may do more than it needs."""


def kiali_values(
    kiali: KialiSpec, grafana: GrafanaSpec | None, prometheus: str | None = None, store: TracesSpec | None = None
) -> dict[str, Any]:
    """Values of the chart `kiali-server`: https://kiali.io/docs/configuration/kialis.kiali.io/

    `prometheus` is where this stack's own is, for a Kiali that is told of no other; `store` is its store of traces.
    """
    auth: dict[str, Any] = {"strategy": kiali.login}
    if kiali.openid is not None:
        auth["openid"] = {
            "client_id": kiali.openid.client_id,
            "issuer_uri": kiali.openid.issuer,
            "username_claim": kiali.openid.username_claim,
        }
    internal = None if grafana is None else grafana.reached_at
    links = {
        "enabled": internal is not None,
        **({"internal_url": internal} if internal else {}),
        **({"external_url": grafana.external_url} if grafana and grafana.external_url else {}),
    }
    return {
        "istio_namespace": ROOT_NAMESPACE,
        "auth": auth,
        "deployment": {
            "cluster_wide_access": True,
            # No address of its own outside the cluster.
            "ingress": {"enabled": False},
            "service_type": "ClusterIP",
            "view_only_mode": kiali.view_only,
        },
        "external_services": {
            "prometheus": {"url": kiali.prometheus or prometheus},
            "grafana": links,
            "tracing": _tracing(kiali, store),
        },
    }


def _tracing(kiali: KialiSpec, store: TracesSpec | None) -> dict[str, Any]:
    """https://kiali.io/docs/configuration/p8s-jaeger-grafana/tracing/"""
    if kiali.tracing is not None:
        return {"enabled": True, "provider": "jaeger", "internal_url": kiali.tracing, "use_grpc": False}
    if store is None:
        return {"enabled": False}
    # Tempo answers nothing at /, by which Kiali would judge whether it is there.
    health = f"{store.url}/ready"
    return {
        "enabled": True,
        "provider": "tempo",
        "internal_url": store.url,
        "use_grpc": False,
        "health_check_url": health,
    }


def upstreams(spec: ObservabilitySpec) -> list[str]:
    """What stands behind the login, each at its path."""
    found: list[str] = []
    if spec.grafana is not None and spec.grafana.install is not None:
        found.append(f"http://grafana.{spec.grafana.namespace}:{grafana_chart.PORT}{GRAFANA_PATH}")
    if spec.kiali is not None:
        found.append(f"http://kiali.{spec.kiali.namespace}:{KIALI_PORT}{KIALI_PATH}")
    return found


def config_maps(grafana: GrafanaSpec, mesh: Mesh) -> Iterator[dict[str, Any]]:
    """A ConfigMap for each dashboard, which Grafana's sidecar picks up."""
    for name, dashboard in dashboards(mesh):
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": grafana.namespace, "labels": {grafana.label: "1"}},
            "data": {f"{dashboard.uid}.json": dashboard.text()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilityArgs:
    spec: ObservabilitySpec
    mesh: Mesh
    accepted: Sequence[AcceptedRiskSpec]
    """Findings that run out."""
    after: Resources
    """The control planes, which Kiali asks."""
    scraped: Scraped
    """Where a managed Prometheus finds metrics."""
    sealed: Sealing = nothing_secret
    homes: Mapping[str, Resources | list[pulumi.Resource]]
    """What has to be there before an object in a namespace is; nothing for one that others make."""


class Observability(pulumi.ComponentResource):
    """What shows people the mesh."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:observability:Observability", name, None, opts)
        self._sealed = args.sealed
        self._homes: dict[str, pulumi.Resource] = {}
        self._closed: dict[str, pulumi.Resource] = {}
        spec = args.spec
        if spec.kiali is not None:
            self._kiali(spec, spec.kiali, args.after)
        dashboards_after = self._installed(args)
        if spec.grafana is not None:
            for config_map in config_maps(spec.grafana, args.mesh):
                opts = pulumi.ResourceOptions(parent=self, depends_on=dashboards_after)
                KubernetesObject(config_map["metadata"]["name"], args.sealed(config_map), opts)
        if spec.alerts is not None and spec.alerts.format != "prometheus":
            rules = manifest(spec.alerts, args.mesh, args.accepted)
            KubernetesObject(rules["metadata"]["name"], args.sealed(rules), pulumi.ResourceOptions(parent=self))
        if spec.managed_prometheus is not None:
            for scrape in pod_monitorings(spec.managed_prometheus, args.scraped):
                home = scrape["metadata"]["namespace"]
                after = pulumi.ResourceOptions(parent=self, depends_on=args.homes.get(home))
                KubernetesObject(f"{scrape['metadata']['name']}-{home}", args.sealed(scrape), after)
        self.register_outputs({})

    def _kiali(self, spec: ObservabilitySpec, kiali: KialiSpec, after: Resources) -> None:
        home = namespace(kiali.namespace, injection=None, opts=pulumi.ResourceOptions(parent=self, depends_on=after))
        self._homes[kiali.namespace] = home
        values = kiali_values(kiali, spec.grafana, spec.metrics_url, spec.traces)
        if spec.login is not None:
            # Kiali's own default on Kubernetes, which the login's path has to be.
            values["server"] = {"web_root": KIALI_PATH.rstrip("/")}
        self._chart("kiali", "kiali-server", kiali.namespace, kiali, values)

    def _installed(self, args: ObservabilityArgs) -> list[pulumi.Resource]:
        """Prometheus, Grafana, traces and the login; what a dashboard's ConfigMap waits for."""
        spec = args.spec
        for home in made(spec).values():
            opts = pulumi.ResourceOptions(parent=self, depends_on=args.after)
            self._homes[home] = namespace(home, injection=None, labels=RESTRICTED_PODS, opts=opts)
        # Before the pods, so that nobody reaches them in between.
        for policy in policies(spec, args.scraped):
            home = policy["metadata"]["namespace"]
            opts = pulumi.ResourceOptions(parent=self, depends_on=[self._homes[home]])
            self._closed[home] = KubernetesObject(f"{policy['metadata']['name']}-policy", args.sealed(policy), opts)
        grafana, prometheus = spec.grafana, spec.prometheus
        if prometheus is not None:
            told = groups(spec.alerts, args.mesh, args.accepted) if spec.alerts is not None else []
            values = prometheus_values(prometheus, args.scraped, told)
            self._chart("prometheus", "prometheus", prometheus.namespace, prometheus, values)
        self._of_traces(spec)
        if spec.login is not None:
            before = [self._homes[spec.login.namespace], self._closed[spec.login.namespace]]
            for one in manifests(spec.login, upstreams(spec)):
                opts = pulumi.ResourceOptions(parent=self, depends_on=before)
                KubernetesObject(f"{one['kind']}/{one['metadata']['name']}", args.sealed(one), opts)
        if grafana is None or grafana.install is None:
            return []
        store = spec.traces.url if spec.traces else None
        values = grafana_values(grafana, grafana.install, prometheus.url if prometheus else None, spec.login, store)
        self._chart("grafana", "grafana", grafana.namespace, grafana.install, values)
        return [self._homes[grafana.namespace]]

    def _of_traces(self, spec: ObservabilitySpec) -> None:
        store, sender = spec.traces, spec.collector
        if store is not None:
            self._chart("tempo", "tempo", store.namespace, store, tempo_values(store))
        if sender is not None:
            values = collector_values(sender, store)
            self._chart("otel-collector", "opentelemetry-collector", sender.namespace, sender, values)

    def _chart(
        self,
        name: str,
        chart: str,
        home: str,
        source: KialiSpec | PrometheusSpec | GrafanaInstallSpec | TracesSpec | CollectorSpec,
        values: dict[str, Any],
    ) -> None:
        before = [self._homes[home], *([self._closed[home]] if home in self._closed else [])]
        helm.Chart(
            name,
            chart=chart,
            name=name,
            namespace=self._sealed(home),
            version=source.version,
            repository_opts=helm.RepositoryOptsArgs(repo=source.repository),
            values=self._sealed(values),
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
