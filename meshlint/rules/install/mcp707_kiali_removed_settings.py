"""Kiali settings that Kiali 2 does not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.rule import WARNING, Hit, rule
from meshlint.view.fields import mapping, value
from meshlint.view.installation import kiali_settings

if TYPE_CHECKING:
    from meshlint.rule import Hits
    from meshlint.view.mesh import MeshView


@rule(
    "MCP707",
    WARNING,
    "Kiali settings that Kiali 2 does not read",
    symptoms=("Kiali shows no graphs",),
    why="""
Kiali 2 took its namespaces from `discovery_selectors` and `cluster_wide_access` instead of `accessible_namespaces`,
and renamed the addresses of Grafana and tracing to `internal_url` and `external_url`. Old names are ignored.
""",
    bad="""
apiVersion: v1
kind: ConfigMap
metadata: {name: kiali, namespace: istio-system}
data:
  config.yaml: |
    auth: {strategy: openid}
    external_services:
      grafana: {in_cluster_url: "http://grafana.monitoring:3000"}
""",
    good="""
apiVersion: v1
kind: ConfigMap
metadata: {name: kiali, namespace: istio-system}
data:
  config.yaml: |
    auth: {strategy: openid}
    external_services:
      grafana: {internal_url: "http://grafana.monitoring:3000"}
""",
    sources=("https://kiali.io/docs/configuration/kialis.kiali.io/",),
)
def check(mesh: MeshView) -> Hits:
    for obj, path, settings in kiali_settings(mesh):
        if value(settings, "deployment", "accessible_namespaces") is not None:
            problem = "has deployment.accessible_namespaces, which Kiali 2 does not read"
            yield Hit(obj, path, problem, "use deployment.cluster_wide_access or discovery_selectors")
        for service in ("grafana", "tracing"):
            old = [
                name for name in ("in_cluster_url", "url") if name in mapping(settings, "external_services", service)
            ]
            if old:
                problem = f"has external_services.{service} with {' and '.join(old)}, which Kiali 2 does not read"
                yield Hit(obj, path, problem, "write internal_url and external_url")
