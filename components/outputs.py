"""What other teams' stacks and people read of this one. docs/outputs.schema.json is the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from components.namespaces import Injection
    from mesh.build import Mesh
    from settings import Settings

SCHEMA_VERSION = 1
"""Raised when a key is removed or changes its meaning; a new key does not raise it."""


class GatewayOutput(TypedDict):
    """A gateway, for a team that attaches a VirtualService to it."""

    kind: str
    namespace: str
    name: str
    """Name of the chart's Deployment, Service and service account."""
    principal: str
    """SPIFFE identity, as an AuthorizationPolicy's `principals` take it."""
    selector: dict[str, str]
    """Pod labels, as a Gateway's `selector` takes them."""
    service: str
    """Host name of the Service inside the cluster."""
    gateway: str | None
    """NAMESPACE/NAME of the Gateway object, as a VirtualService's `gateways` takes it; none where nothing listens."""
    listeners: dict[str, ListenerOutput]


class ListenerOutput(TypedDict):
    """A listener of a gateway."""

    port: int
    protocol: str
    hosts: list[str]


class AppOutput(TypedDict):
    """An app of this stack."""

    hosts: list[str]
    """Hosts at gateways, the main one first."""
    namespace: str
    service: str
    principal: str


class Outputs(TypedDict):
    """The whole contract."""

    schema_version: int
    trust_domain: str
    istio_namespace: str
    istio_version: str
    namespaces: dict[str, dict[str, str]]
    """Namespaces that this stack makes, with their injection label."""
    gateways: dict[str, GatewayOutput]
    apps: dict[str, AppOutput]


def outputs(settings: Settings, mesh: Mesh, injection: Injection) -> Outputs:
    """The contract's values; none of them waits for the cluster."""
    graph = mesh.graph
    return Outputs(
        schema_version=SCHEMA_VERSION,
        trust_domain=graph.trust_domain,
        istio_namespace=graph.istio_namespace,
        istio_version=settings.istio.version,
        namespaces={item.name: dict(injection.labels) if item.injected else {} for item in mesh.namespaces},
        gateways={
            name: GatewayOutput(
                kind=spec.kind,
                namespace=spec.home,
                name=spec.release_name,
                principal=graph.principal(graph.gateway_identity(name)),
                selector=spec.pod_labels,
                service=spec.service_host,
                gateway=f"{spec.home}/{name}" if spec.listeners else None,
                listeners={
                    key: ListenerOutput(
                        port=listener.port,
                        protocol=listener.protocol,
                        hosts=list(listener.hosts),
                    )
                    for key, listener in spec.listeners.items()
                },
            )
            for name, spec in mesh.gateways.items()
        },
        apps={
            name: AppOutput(
                hosts=[exposure.host for exposure in app.exposures],
                namespace=app.namespace,
                service=app.service_host(name),
                principal=graph.principal(graph.app_identity(name)),
            )
            for name, app in graph.apps.items()
        },
    )
