"""Kiali, the dashboards of Grafana, alerts, and what Google's Prometheus scrapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_kubernetes.helm import v4 as helm

from chatgpt_mesh.components.alerts import manifest
from chatgpt_mesh.components.dashboards import dashboards
from chatgpt_mesh.components.kubernetes_object import KubernetesObject
from chatgpt_mesh.components.managed_prometheus import pod_monitorings
from chatgpt_mesh.components.namespaces import namespace
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chatgpt_mesh.components.managed_prometheus import Scraped
    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.specs.accepted_risk import AcceptedRiskSpec
    from chatgpt_mesh.components.specs.observability import GrafanaSpec, KialiSpec, ObservabilitySpec
    from chatgpt_mesh.mesh.build import Mesh


def kiali_values(kiali: KialiSpec, grafana: GrafanaSpec | None) -> dict[str, Any]:
    """Values of the chart `kiali-server`: https://kiali.io/docs/configuration/kialis.kiali.io/"""
    auth: dict[str, Any] = {"strategy": kiali.login}
    if kiali.openid is not None:
        auth["openid"] = {
            "client_id": kiali.openid.client_id,
            "issuer_uri": kiali.openid.issuer,
            "username_claim": kiali.openid.username_claim,
        }
    links = {
        "enabled": grafana is not None and grafana.internal_url is not None,
        **({"internal_url": grafana.internal_url} if grafana and grafana.internal_url else {}),
        **({"external_url": grafana.external_url} if grafana and grafana.external_url else {}),
    }
    traces: dict[str, Any] = {"enabled": kiali.tracing is not None}
    if kiali.tracing is not None:
        traces |= {"provider": "jaeger", "internal_url": kiali.tracing, "use_grpc": False}
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
            "prometheus": {"url": kiali.prometheus},
            "grafana": links,
            "tracing": traces,
        },
    }


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
    homes: Mapping[str, Resources | list[pulumi.Resource]]
    """What has to be there before an object in a namespace is; nothing for one that others make."""


class Observability(pulumi.ComponentResource):
    """What shows people the mesh."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:observability:Observability", name, None, opts)
        spec = args.spec
        if spec.kiali is not None:
            home = namespace(
                spec.kiali.namespace,
                injection=None,
                opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
            )
            helm.Chart(
                "kiali",
                chart="kiali-server",
                name="kiali",
                namespace=spec.kiali.namespace,
                version=spec.kiali.version,
                repository_opts=helm.RepositoryOptsArgs(repo=spec.kiali.repository),
                values=kiali_values(spec.kiali, spec.grafana),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[home]),
            )
        if spec.grafana is not None:
            for config_map in config_maps(spec.grafana, args.mesh):
                KubernetesObject(config_map["metadata"]["name"], config_map, pulumi.ResourceOptions(parent=self))
        if spec.alerts is not None:
            rules = manifest(spec.alerts, args.mesh, args.accepted)
            KubernetesObject(rules["metadata"]["name"], rules, pulumi.ResourceOptions(parent=self))
        if spec.managed_prometheus is not None:
            for scrape in pod_monitorings(spec.managed_prometheus, args.scraped):
                home = scrape["metadata"]["namespace"]
                after = pulumi.ResourceOptions(parent=self, depends_on=args.homes.get(home))
                KubernetesObject(f"{scrape['metadata']['name']}-{home}", scrape, after)
        self.register_outputs({})
