"""A gateway's pods and Service: one chart, in a namespace of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from components.chart import chart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.ordering import Resources
    from components.specs.istio import ChartSource
    from mesh.gateways import GatewaySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayArgs:
    spec: GatewaySpec
    values: Mapping[str, Any]
    source: ChartSource
    after: Resources
    """The namespace, and the control planes: the pods' image `auto` is replaced by an injector that is ready."""


class Gateway(pulumi.ComponentResource):
    """Where traffic enters or leaves the mesh. Its listeners are Istio objects, registered with it as their parent."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:mesh:Gateway", name, None, opts)
        self.chart = chart(
            f"gateway-{name}",
            "gateway",
            args.source,
            release=args.spec.release_name,
            namespace=args.spec.home,
            values=args.values,
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
        )
        self.register_outputs({})
