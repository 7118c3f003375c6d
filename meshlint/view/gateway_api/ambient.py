"""Ambient mode: which pods have no sidecar but a ztunnel, and which waypoint their requests pass.

Sources: istio.io/latest/docs/ambient/usage/add-workloads and /waypoint; the labels are read as istiod reads them
(pilot/pkg/serviceregistry/ambient).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.view.fields import mapping
from meshlint.view.gateway_api.api import GatewayApi
from meshlint.view.gateway_api.attachment import lets_namespace
from meshlint.view.gateway_api.listeners import GATEWAY_NAME, HBONE_PORT, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshlint.view.fields import Json
    from meshlint.view.gateway_api.listeners import ApiGateway
    from meshlint.view.gateway_api.routes import Parent
    from meshlint.view.kubernetes import Service
    from meshlint.view.manifest import Manifest

DATAPLANE_MODE = "istio.io/dataplane-mode"
USE_WAYPOINT = "istio.io/use-waypoint"
USE_WAYPOINT_NAMESPACE = "istio.io/use-waypoint-namespace"
INGRESS_USE_WAYPOINT = "istio.io/ingress-use-waypoint"
WAYPOINT_FOR = "istio.io/waypoint-for"
MANAGED = "gateway.istio.io/managed"

_WITHOUT_WAYPOINT = frozenset({"istio.io-mesh-controller", "istio.io-eastwest-controller"})
"""What Istio writes on the Services that it makes for waypoints and for gateways between clusters."""

_INJECTED = "sidecar.istio.io/inject"


@dataclass(frozen=True, slots=True)
class WaypointUse:
    """A label that names a waypoint."""

    obj: Manifest
    key: str
    """NAMESPACE/NAME of the waypoint."""


class Ambient(GatewayApi):
    """What ambient mode makes of labels."""

    @cached_property
    def has_ambient(self) -> bool:
        """Whether some object is for ambient mode."""
        labelled = any(DATAPLANE_MODE in obj.labels or USE_WAYPOINT in obj.labels for obj in self.objects)
        return labelled or any(gateway.role is Role.WAYPOINT for gateway in self.api_gateways)

    def is_ambient(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a ztunnel takes the connections of pods, and no sidecar does."""
        if not self.has_ambient or GATEWAY_NAME in labels:
            return False
        shown = self.namespaces.get(namespace)
        around = shown.labels if shown is not None else {}
        mode = labels.get(DATAPLANE_MODE) or around.get(DATAPLANE_MODE)
        return mode == "ambient" and not _is_injected(around, labels)

    def selects_ambient(self, namespace: str, selector: dict[str, str]) -> bool:
        """Whether all pods that a selector takes are in ambient mode: those shown, else as their namespace says."""
        pods = self.select(namespace, selector)
        if pods:
            return all(self.is_ambient(namespace, pod.labels) for pod in pods)
        return not self.workloads_by_namespace.get(namespace) and self.is_ambient(namespace, selector)

    def waypoint_use(self, obj: Manifest) -> WaypointUse | None:
        """The label by which a Service, pod or ServiceEntry names its waypoint: its own, else its namespace's."""
        for holder in (obj, self.namespaces.get(obj.namespace)):
            if holder is None or USE_WAYPOINT not in holder.labels:
                continue
            name = holder.labels[USE_WAYPOINT]
            if name in ("", "none"):
                return None
            return WaypointUse(holder, f"{holder.labels.get(USE_WAYPOINT_NAMESPACE) or obj.namespace}/{name}")
        return None

    def is_foreign(self, parent: Parent) -> bool:
        """Whether the waypoint of a Service or ServiceEntry is another controller's, which then reads the route."""
        to = parent.reference
        entries = () if to.is_service else self.istio("ServiceEntry")
        services = self.services_by_namespace.get(to.namespace, ()) if to.is_service else ()
        found = next(
            (
                obj
                for obj in (*(one.obj for one in services), *entries)
                if (obj.namespace, obj.name) == (to.namespace, to.name)
            ),
            None,
        )
        used = self.waypoint_use(found) if found is not None else None
        waypoint = self.api_gateway_by_key.get(used.key) if used is not None else None
        return waypoint is not None and waypoint.role is Role.FOREIGN

    def serves(self, parent: Parent) -> bool:
        """Whether Istio reads routes for a parent: a Service, a ServiceEntry, a Gateway in sight that it programs."""
        if parent.is_mesh:
            return not self.is_foreign(parent)
        to = parent.reference
        listeners = self.listeners_by_owner.get((to.kind, to.namespace, to.name), ())
        return any(listener.gateway.routes_requests for listener in listeners)

    def waypoint_of(self, service: Service) -> ApiGateway | None:
        """The waypoint that requests for a Service pass; None without one, or where no object shows it."""
        if not self.has_ambient or service.obj.labels.get(MANAGED) in _WITHOUT_WAYPOINT:
            return None
        used = self.waypoint_use(service.obj)
        gateway = self.api_gateway_by_key.get(used.key) if used is not None else None
        if gateway is None or gateway.role is not Role.WAYPOINT:
            return None
        takes = self.waypoint_takes(gateway) in ("service", "all")
        return gateway if takes and self.lets_users_of(gateway, service.obj.namespace) else None

    def waypoint_takes(self, gateway: ApiGateway) -> str:
        """What a waypoint is for: `service` unless a label says `workload`, `all` or `none`."""
        of_class = {obj.name: obj.labels.get(WAYPOINT_FOR, "") for obj in self.gateway_api("GatewayClass")}
        return gateway.obj.labels.get(WAYPOINT_FOR) or of_class.get(gateway.class_name) or "service"

    def lets_users_of(self, gateway: ApiGateway, namespace: str) -> bool:
        """Whether a waypoint takes requests for a namespace: its own, unless `allowedRoutes` says more."""
        rule: Json = {}
        for listener in gateway.listeners:
            if (listener.protocol, listener.port) == ("HBONE", HBONE_PORT):
                rule = mapping(listener.raw, "allowedRoutes", "namespaces")
        return lets_namespace(rule, "Same", gateway.obj.namespace, namespace, self.namespaces) is not False

    def ingress_uses_waypoint(self, service: Service) -> bool:
        """Whether gateways send requests for a Service through its waypoint: only where a label asks for it."""
        shown = self.namespaces.get(service.obj.namespace)
        asked = service.obj.labels.get(INGRESS_USE_WAYPOINT)
        if asked is None and shown is not None:
            asked = shown.labels.get(INGRESS_USE_WAYPOINT)
        return (asked or "").lower() in ("true", "t", "1")


def _is_injected(around: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether pods get a sidecar: then the ztunnel leaves them alone."""
    if _INJECTED in labels:
        return labels[_INJECTED] == "true"
    by_namespace = around.get("istio-injection") == "enabled" or "istio.io/rev" in around
    return by_namespace and around.get("istio-injection") != "disabled" and DATAPLANE_MODE not in labels
