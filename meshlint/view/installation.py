"""Parts of an installation that more than one rule reads: public Services, and Kiali's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.fields import Json, elements, mapping, text
from meshlint.view.yaml_text import yaml_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest
    from meshlint.view.mesh import MeshView


def public_services(mesh: MeshView) -> Iterator[tuple[Manifest, Path, Json]]:
    """(object, path, Service spec) of every load balancer before a gateway, wherever it is written."""
    for service in mesh.services:
        faces_out = text(service.obj.spec, "type") == "LoadBalancer"
        if faces_out and any("gateway" in found or "ingress" in found for found in service.selector.values()):
            yield service.obj, ("spec",), service.obj.spec
    for chart in mesh.charts_named("gateway"):
        kind = text(chart.values, "service", "type")
        if kind in ("", "LoadBalancer") and "service" in chart.values:
            yield chart.obj, (*chart.path, "service"), mapping(chart.values, "service")
    for operator in mesh.istio_operators:
        for position, entry in enumerate(elements(operator.spec, "components", "ingressGateways")):
            service = mapping(entry, "k8s", "service")
            if service:
                path: Path = ("spec", "components", "ingressGateways", position, "k8s", "service")
                yield operator, path, service


def kiali_settings(mesh: MeshView) -> Iterator[tuple[Manifest, Path, Json]]:
    """(object, path, settings) of Kiali: in its ConfigMap, or in a Kiali resource of its operator."""
    for config_map in mesh.by_kind.get("ConfigMap", ()):
        if config_map.name == "kiali" or config_map.labels.get("app") == "kiali":
            settings = yaml_mapping(text(config_map.body, "data", "config.yaml"))
            if settings:
                yield config_map, ("data", "config.yaml"), settings
    for resource in mesh.by_kind.get("Kiali", ()):
        yield resource, ("spec",), resource.spec
