"""Gateways of Gateway API that Istio programs, and their listeners.

Sources: gateway-api.sigs.k8s.io/reference/spec (Gateway, ListenerSet);
istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api; which class makes what is istiod's
(pilot/pkg/config/kube/gatewaycommon).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from meshlint.view.fields import Json, elements, mapping, string_map, text, whole
from meshlint.view.gateway_api.references import Reference
from meshlint.view.manifest import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""The label by which pods say which Gateway of Gateway API they are: its name, in their own namespace."""

CLASS_NAME = "gateway.networking.k8s.io/gateway-class-name"
HBONE_PORT = 15008


class Role(StrEnum):
    """What Istio makes of a Gateway, by the controller of its class."""

    GATEWAY = "gateway"
    WAYPOINT = "waypoint"
    EAST_WEST = "east-west gateway"
    REMOTE = "gateway of another cluster"
    FOREIGN = "of another controller"
    """Nothing: another controller serves the class, and how it does is not for us to say."""


_CONTROLLERS = {
    "istio.io/gateway-controller": Role.GATEWAY,
    "istio.io/mesh-controller": Role.WAYPOINT,
    "istio.io/eastwest-controller": Role.EAST_WEST,
    "istio.io/unmanaged-gateway": Role.REMOTE,
}

_CLASSES = {
    "istio": Role.GATEWAY,
    "istio-waypoint": Role.WAYPOINT,
    "istio-east-west": Role.EAST_WEST,
    "istio-remote": Role.REMOTE,
}
"""The classes that istiod makes by itself."""


def role_of(class_name: str, controllers: Mapping[str, str]) -> Role:
    """What a class means; `controllers` has those of the GatewayClasses that the objects show, by name."""
    if class_name in controllers:
        return _CONTROLLERS.get(controllers[class_name], Role.FOREIGN)
    return _CLASSES.get(class_name, Role.FOREIGN)


_HTTP = frozenset({"HTTPRoute", "GRPCRoute"})


@dataclass(slots=True, eq=False)
class Listener:
    """One entry of `spec.listeners`, of a Gateway or of a ListenerSet that joins it."""

    gateway: ApiGateway
    obj: Manifest
    path: Path
    raw: Json
    name: str
    hostname: str
    """`*` where it takes every host."""
    port: int
    protocol: str
    tls: Json
    loses_to: Listener | None = None
    """The earlier listener in whose way it stands: then Istio programs that one only."""

    @property
    def mode(self) -> str:
        """Terminate or Passthrough; empty without TLS."""
        if not self.tls:
            return ""
        return text(self.tls, "mode") or "Terminate"

    @property
    def reads_requests(self) -> bool:
        return self.protocol in ("HTTP", "HTTPS")

    @property
    def is_programmed(self) -> bool:
        """Whether Istio opens it: it loses to no other, and says how TLS ends where its protocol has TLS."""
        if self.loses_to is not None or self.protocol not in ("HTTP", "HTTPS", "TLS", "TCP"):
            return False
        return bool(self.tls) or self.protocol not in ("HTTPS", "TLS")

    @property
    def passes_by_name(self) -> bool:
        """Whether it leads connections to the Service whose name they carry, as between networks of a mesh."""
        if text(self.tls, "options", "gateway.istio.io/listener-protocol") == "auto-passthrough":
            return True
        labels = self.gateway.obj.labels
        port = labels.get("networking.istio.io/gatewayPort", "15443")
        return "topology.istio.io/network" in labels and str(self.port) == port

    @property
    def supported(self) -> frozenset[str]:
        """The kinds of routes that Istio takes for the protocol."""
        if self.reads_requests:
            return _HTTP
        if self.protocol == "TCP":
            return frozenset({"TCPRoute"})
        if self.protocol == "TLS":
            ends = text(self.tls, "mode") == "Terminate"
            return frozenset({"TLSRoute", "TCPRoute"}) if ends else frozenset({"TLSRoute"})
        return frozenset()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of routes that may attach: those that its protocol takes, as far as `allowedRoutes` names them."""
        named = {
            text(one, "kind")
            for one in elements(self.raw, "allowedRoutes", "kinds")
            if (text(one, "group") or GATEWAY_API) == GATEWAY_API
        }
        return self.supported & named if elements(self.raw, "allowedRoutes", "kinds") else self.supported

    @property
    def certificates(self) -> list[tuple[Path, Reference]]:
        path = (*self.path, "tls", "certificateRefs")
        return [
            ((*path, number), Reference.read(raw, self.obj.namespace, kind="Secret"))
            for number, raw in enumerate(elements(self.tls, "certificateRefs"))
        ]

    @property
    def key(self) -> str:
        """NAMESPACE/NAME of the Gateway that istiod makes of it."""
        return f"{self.obj.namespace}/{self.obj.name}~istio-autogenerated-k8s-gateway~{self.name}"

    def __str__(self) -> str:
        return f"listener {self.name} of {self.obj.kind} {self.obj.namespace}/{self.obj.name}"

    @classmethod
    def read(cls, gateway: ApiGateway, obj: Manifest, raw: Json, path: Path) -> Listener:
        return cls(
            gateway,
            obj,
            path,
            raw,
            text(raw, "name"),
            text(raw, "hostname").lower() or "*",
            whole(raw, "port") or 0,
            text(raw, "protocol"),
            mapping(raw, "tls"),
        )


def are_distinct(one: Listener, other: Listener) -> bool:
    """Whether a gateway can have both: HTTP, HTTPS and TLS share a port by host, TCP and UDP with nobody."""
    if one.port != other.port:
        return True
    packets, hosts = ("TCP", "UDP"), ("HTTP", "HTTPS", "TLS")
    if one.protocol in hosts and other.protocol in hosts:
        return one.hostname != other.hostname
    if one.protocol in (*packets, *hosts) and other.protocol in (*packets, *hosts):
        return False
    return one.protocol != other.protocol


@dataclass(slots=True, eq=False)
class ApiGateway:
    """A Gateway of Gateway API."""

    obj: Manifest
    class_name: str
    role: Role
    listeners: list[Listener] = field(default_factory=list[Listener])
    """Its own, and then those of the ListenerSets that it lets in, the oldest first."""

    @property
    def key(self) -> str:
        return f"{self.obj.namespace}/{self.obj.name}"

    @property
    def routes_requests(self) -> bool:
        """Whether routes attach to its listeners, and Istio programs them."""
        return self.role is Role.GATEWAY

    @property
    def client_authorities(self) -> list[tuple[Path, Reference]]:
        """Where it finds the authorities by which it verifies clients' certificates."""
        frontend: Path = ("spec", "tls", "frontend")
        blocks: list[tuple[Path, Json]] = [((*frontend, "default"), mapping(self.obj.spec, *frontend[1:], "default"))]
        for number, one in enumerate(elements(self.obj.spec, *frontend[1:], "perPort")):
            blocks.append(((*frontend, "perPort", number, "tls"), mapping(one, "tls")))
        return [
            ((*path, "validation", "caCertificateRefs", number), Reference.read(raw, self.obj.namespace))
            for path, block in blocks
            for number, raw in enumerate(elements(block, "validation", "caCertificateRefs"))
        ]

    @property
    def service(self) -> str:
        """NAME.NAMESPACE of the Service that an address names: pods that somebody else runs; empty where Istio does."""
        if self.is_deployed:
            return ""
        addresses = elements(self.obj.spec, "addresses")
        named = [text(one, "value") for one in addresses if text(one, "type") in ("", "Hostname")]
        if not named:
            return ""
        name, _, rest = named[0].partition(".")
        return f"{name}.{rest.partition('.')[0] or self.obj.namespace}"

    @property
    def is_deployed(self) -> bool:
        """Whether Istio runs its pods."""
        addresses = elements(self.obj.spec, "addresses")
        return not addresses or (len(addresses) == 1 and text(addresses[0], "type") in ("", "IPAddress"))

    @property
    def workload_name(self) -> str:
        """The name of the Deployment and the Service that Istio makes."""
        override = self.obj.annotations.get("gateway.istio.io/name-override", "")
        own = self.obj.name if self.role is not Role.GATEWAY else f"{self.obj.name}-{self.class_name}"
        return override or own

    @property
    def service_account(self) -> str:
        own = self.obj.name if self.role is not Role.GATEWAY else f"{self.obj.name}-{self.class_name}"
        return self.obj.annotations.get("gateway.istio.io/service-account", "") or own

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its pods, where Istio runs them."""
        asked = string_map(self.obj.spec, "infrastructure", "labels")
        return {**asked, GATEWAY_NAME: self.obj.name, CLASS_NAME: self.class_name}

    @classmethod
    def read(cls, obj: Manifest, controllers: Mapping[str, str]) -> ApiGateway:
        name = text(obj.spec, "gatewayClassName")
        gateway = cls(obj, name, role_of(name, controllers))
        for position, raw in enumerate(elements(obj.spec, "listeners")):
            gateway.listeners.append(Listener.read(gateway, obj, raw, ("spec", "listeners", position)))
        return gateway
