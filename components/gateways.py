"""A gateway's pods and Service: one chart, in a namespace of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.chart import chart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.ordering import Resources
    from components.specs.istio import ChartSource
    from istio_api.chart_values import GatewayValues
    from mesh.gateways import GatewaySpec
    from secret_texts import SecretTexts


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayArgs:
    spec: GatewaySpec
    values: GatewayValues
    source: ChartSource
    secrets: SecretTexts
    after: Resources
    """The namespace, and the control planes: the pods' image `auto` is replaced by an injector that is ready."""


class Gateway(pulumi.ComponentResource):
    """Where traffic enters or leaves the mesh. Its listeners are Istio objects, registered with it as their parent."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:mesh:Gateway", name, None, opts)
        self.chart = chart(
            f"gateway-{name}",
            args.source,
            release=args.spec.release_name,
            namespace=args.spec.home,
            values=args.values,
            secrets=args.secrets,
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
        )
        self.address: pulumi.Output[str | None] = self.chart.resources.apply(_address)
        """Of the load balancer; of a Service without one, the address inside the cluster."""
        self.register_outputs({})


def _address(resources: Sequence[Any] | None) -> pulumi.Output[str | None]:
    services = [resource for resource in resources or () if isinstance(resource, kubernetes.core.v1.Service)]
    if not services:
        return pulumi.Output.from_input(None)
    (service,) = services
    return pulumi.Output.all(service.spec, service.status).apply(lambda known: _reached_at(*known))


def _reached_at(
    spec: kubernetes.core.v1.outputs.ServiceSpec | None, status: kubernetes.core.v1.outputs.ServiceStatus | None
) -> str | None:
    balancer = status.load_balancer if status else None
    for ingress in (balancer.ingress if balancer else None) or ():
        return ingress.ip or ingress.hostname
    return spec.cluster_ip if spec else None
