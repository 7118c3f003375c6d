"""Firewall rules that Istio needs and GKE does not make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

if TYPE_CHECKING:
    from chatgpt_mesh.components.specs.network import NetworkSpec

WEBHOOK_PORT = "15017"
"""istiod's injection and validation webhooks."""

HEALTH_CHECKS = ("35.191.0.0/16", "130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22")
"""Where Google's load balancers probe from:
https://cloud.google.com/load-balancing/docs/health-checks#firewall_rules"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallArgs:
    spec: NetworkSpec
    prefix: str
    """Beginning of the names: the cluster's name."""
    network: pulumi.Input[str]
    node_tag: str
    """Network tag of every node. The tag that GKE makes up itself is not known before the cluster is."""


class Firewall(pulumi.ComponentResource):
    """The way to istiod's webhooks, and what organisations that deny by default need beside."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatgpt-mesh:gke:Firewall", name, None, opts)
        self._args = args
        spec = args.spec
        # GKE lets the control plane reach the nodes' ports 443 and 10250 only. Injection and validation then time out,
        # and pods start without a sidecar or not at all. The source is a whole range, not the endpoint's one address:
        # that one may move. Some versions of GKE call from the nodes' range instead, which GKE's own rules let in
        # anyway. https://istio.io/latest/docs/setup/platform-setup/gke/
        further = ("8080", "15014") if spec.firewall.istioctl_ports else ()
        self.webhooks = self._ingress("webhooks", [spec.control_plane, spec.nodes], [("tcp", (WEBHOOK_PORT, *further))])
        if spec.firewall.explicit_allows:
            own = [spec.nodes, spec.pods, spec.control_plane]
            self._ingress("health-checks", [*HEALTH_CHECKS], [("tcp", ())])
            self._egress("to-itself", own, [("all", ())])
            self._egress("https-out", ["0.0.0.0/0"], [("tcp", ("443",))])
        if spec.firewall.shadow_rules:
            self._ingress("shadow-pods", [spec.pods], [("all", ())], priority=999)
            self._ingress("shadow-control-plane", [spec.control_plane], [("tcp", ("443", "10250"))], priority=999)
        self.register_outputs({"webhooks": self.webhooks.id})

    def _ingress(
        self, name: str, sources: list[str], allows: list[tuple[str, tuple[str, ...]]], priority: int = 1000
    ) -> gcp.compute.Firewall:
        return gcp.compute.Firewall(
            f"{self._args.prefix}-{name}",
            network=self._args.network,
            direction="INGRESS",
            priority=priority,
            source_ranges=sources,
            target_tags=[self._args.node_tag],
            allows=_allows(allows),
            log_config=self._log(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _egress(
        self, name: str, destinations: list[str], allows: list[tuple[str, tuple[str, ...]]]
    ) -> gcp.compute.Firewall:
        return gcp.compute.Firewall(
            f"{self._args.prefix}-{name}",
            network=self._args.network,
            direction="EGRESS",
            priority=1000,
            destination_ranges=destinations,
            target_tags=[self._args.node_tag],
            allows=_allows(allows),
            log_config=self._log(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _log(self) -> gcp.compute.FirewallLogConfigArgs | None:
        if not self._args.spec.firewall.logging:
            return None
        return gcp.compute.FirewallLogConfigArgs(metadata="INCLUDE_ALL_METADATA")


def _allows(allows: list[tuple[str, tuple[str, ...]]]) -> list[gcp.compute.FirewallAllowArgs]:
    return [gcp.compute.FirewallAllowArgs(protocol=protocol, ports=list(ports) or None) for protocol, ports in allows]
