"""A gateway's pods and Service: one chart, in a namespace of its own.

The way of its address: `components.specs.addresses` chooses a name, `components.network` reserves it on GKE,
`components.chart_values` asks for it in the Service, the load balancer's answer stands in the Service's status
(`reached_at`), and `components.outputs` exports it as `gateways.NAME.address`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pulumi

from chatgpt_mesh.components.chart import chart
from chatgpt_mesh.components.sealing import nothing_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatgpt_mesh.components.ordering import Resources
    from chatgpt_mesh.components.sealing import Sealing
    from chatgpt_mesh.components.specs.istio import ChartSource
    from chatgpt_mesh.istio_api.chart_values import GatewayValues
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec


SERVICE = "kubernetes:core/v1:Service"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayArgs:
    spec: GatewaySpec
    values: GatewayValues
    source: ChartSource
    after: Resources
    """The namespace, and the control planes: the pods' image `auto` is replaced by an injector that is ready."""
    sealed: Sealing = nothing_secret


class Gateway(pulumi.ComponentResource):
    """Where traffic enters or leaves the mesh. Its listeners are Istio objects, registered with it as their parent."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:mesh:Gateway", name, None, opts)
        # By its release, which another name in the stack file does not change: a chart under a new name would be made
        # before the old one is deleted, and find its own objects there.
        self.chart = chart(
            args.spec.path,
            args.source,
            release=args.spec.release_name,
            namespace=args.spec.home,
            values=args.values,
            sealed=args.sealed,
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
        )
        self.address: pulumi.Output[str | None] = self.chart.resources.apply(_address)
        """Of the load balancer; of a Service without one, the address inside the cluster."""
        self.register_outputs({})


def _address(resources: Sequence[Any] | None) -> pulumi.Output[str | None]:
    services = [resource for resource in resources or () if resource.pulumi_resource_type == SERVICE]
    if not services:
        return pulumi.Output.from_input(None)
    (service,) = services
    return pulumi.Output.all(service.spec, service.status).apply(lambda known: reached_at(*known))


def reached_at(spec: Any, status: Any) -> str | None:
    """The address of a Service: its load balancer's, else the one inside the cluster; None while there is none."""
    balancer = _field(status, "loadBalancer", "load_balancer")
    for ingress in _field(balancer, "ingress", "ingress") or ():
        return _field(ingress, "ip", "ip") or _field(ingress, "hostname", "hostname")
    return _field(spec, "clusterIP", "cluster_ip")


def _field(value: Any, json_name: str, python_name: str) -> Any:
    """A field of an object, which Pulumi hands over as a class of its own, or as JSON for the child of a chart."""
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        return mapping.get(json_name, mapping.get(python_name))
    return getattr(value, python_name, None)
