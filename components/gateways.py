"""A gateway's pods and Service: one chart, in a namespace of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from components import chart_values
from components.chart import chart
from components.ordering import together

if TYPE_CHECKING:
    from components.ordering import Resources
    from components.specs.istio import IstioSpec
    from mesh.gateways import GatewaySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayArgs:
    spec: GatewaySpec
    istio: IstioSpec
    namespace: pulumi.Resource
    ready: Resources
    """The control planes: the chart's pods have the image `auto`, which only a ready injector replaces."""
    drain_seconds: int
    platform: str | None = None


class Gateway(pulumi.ComponentResource):
    """Where traffic enters or leaves the mesh. Its listeners are Istio objects, registered with it as their parent."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:mesh:Gateway", name, None, opts)
        spec = args.spec
        self.chart = chart(
            f"gateway-{name}",
            "gateway",
            args.istio.source(args.istio.version),
            release=spec.release_name,
            namespace=spec.home,
            values=chart_values.gateway_values(
                spec, args.istio, drain_seconds=args.drain_seconds, platform=args.platform
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=together(args.ready, args.namespace)),
        )
        self.register_outputs({})
