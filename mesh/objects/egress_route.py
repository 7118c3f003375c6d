"""A destination of `egress`, together with what follows from its place in the stack."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from chatgpt_mesh.istio_api.resource import ObjectMeta
from chatgpt_mesh.mesh.graph import Graph, Identity
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chatgpt_mesh.mesh.specs.egress import DestinationSpec, ServiceAccountSpec

TLS_PORT = 443


LONGEST_NAME = 48
"""Of a destination's own part in the names of its objects, which have prefixes and suffixes beside it."""


def _label(text: str) -> str:
    if len(text) <= LONGEST_NAME:
        return text
    return f"{text[: LONGEST_NAME - 9].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


class Route(NamedTuple):
    """A destination with everything that follows from its place in the stack."""

    path: str
    """Where the stack file declares it."""
    spec: DestinationSpec
    callers: tuple[Identity, ...]
    """Who may call it, in order."""
    apps: frozenset[str]
    """Those callers that are apps of this stack."""
    gateway: str | None
    """The egress gateway on its way; None goes out from the sidecar."""
    home: str
    """Namespace of its objects."""

    @property
    def host_name(self) -> str:
        """The host as a DNS label. Never that of another host, since '-' is doubled and '.' is not; nor of an address,
        since no host is all numbers."""
        if self.spec.address is not None:
            return self.spec.address.replace(".", "-")
        return _label(self.spec.name.replace("*", "any").replace("-", "--").replace(".", "-"))

    @property
    def name(self) -> str:
        """The host and port as a DNS label."""
        return self.host_name if self.app_port == TLS_PORT else f"{self.host_name}-{self.app_port}"

    @property
    def app_port(self) -> int:
        """The port that the app calls."""
        return self.spec.originate_tls.app_port if self.spec.originate_tls else self.spec.port

    @property
    def wildcard(self) -> bool:
        return self.spec.name.startswith("*.")

    @property
    def server_name(self) -> str:
        """The SNI between sidecar and egress gateway.

        The gateway serves HTTP for the host itself alone; bytes of other ports and protocols need a name of their own.
        That is below `.invalid`, where no host can be (RFC 6761), so that no wildcard takes it in.
        """
        if self.spec.originate_tls or self.wildcard or (self.spec.protocol == "tls" and self.spec.port == TLS_PORT):
            return self.spec.name
        return f"{self.spec.name}.{self.spec.protocol}-{self.spec.port}.invalid"

    def takes_in(self, other: Route) -> bool:
        """Whether this wildcard covers what another destination declares by itself."""
        return (
            self.wildcard and other.server_name != self.server_name and other.server_name.endswith(self.spec.name[1:])
        )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where its callers live."""
        return tuple(sorted({caller.namespace for caller in self.callers}))


def routes(graph: Graph) -> tuple[Route, ...]:
    """The destinations with what follows from the rest of the stack, in the order of the stack file."""
    name = graph.egress.gateway_name(graph.gateways)
    homes = _homes(graph)
    found: list[Route] = []
    for index, destination in enumerate(graph.egress.allow):
        gateway = name if graph.egress.via_of(destination) == "gateway" else None
        found.append(
            Route(
                path=f"egress.allow.{index}",
                spec=destination,
                callers=tuple(sorted({_identity(caller, graph) for caller in destination.from_})),
                apps=frozenset(caller for caller in destination.from_ if isinstance(caller, str)),
                gateway=gateway,
                home=homes[destination.name] if gateway is None else graph.gateways[gateway].home,
            )
        )
    return tuple(found)


def _homes(graph: Graph) -> dict[str, str]:
    """By host, where its objects stand that no gateway has a part in: Istio takes one ServiceEntry per host.

    With scope `namespaces` that is the namespace of the first caller in the stack file, so that a further caller moves
    nothing.
    """
    if graph.security.scope == "mesh":
        return dict.fromkeys((destination.name for destination in graph.egress.allow), ROOT_NAMESPACE)
    homes: dict[str, str] = {}
    for destination in graph.egress.allow:
        homes.setdefault(destination.name, _identity(destination.from_[0], graph).namespace)
    return homes


def _identity(caller: str | ServiceAccountSpec, graph: Graph) -> Identity:
    if not isinstance(caller, str):
        return Identity(caller.namespace, caller.service_account)
    return graph.app_identity(graph.apps[caller])


def by_host(found: Iterable[Route]) -> dict[str, list[Route]]:
    """Destinations of one host share its ServiceEntry and its VirtualService: Istio takes one of each per host."""
    hosts: dict[str, list[Route]] = {}
    for route in found:
        hosts.setdefault(route.spec.name, []).append(route)
    return hosts


def metadata(route: Route, suffix: str = "") -> ObjectMeta:
    return ObjectMeta(name=f"egress-{route.host_name}{suffix}", namespace=route.home)
