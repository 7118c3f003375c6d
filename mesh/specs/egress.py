"""What may leave the mesh: which app may reach which host outside it, and nothing else.

How a destination is reached, and what holds the rest back: `mesh.objects.egress`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field

from chatgpt_mesh.mesh.specs.declared import Declared, listed
from chatgpt_mesh.mesh.specs.private_address import PrivateAddress
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import DnsLabel, Hostname, HttpPath, Many, PortNumber, Spec, WildcardHost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.app import AppSpec
    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec

Via = Literal["gateway", "sidecar"]


class ServiceAccountSpec(Spec):
    """A caller that is no app of this stack, by the identity that its pods run under."""

    namespace: DnsLabel
    """Namespace of the service account."""
    service_account: DnsLabel
    """Its name."""


class OriginateTlsSpec(Spec):
    """The app speaks plain HTTP to its sidecar, and the mesh opens the TLS connection to the host.

    So the gateway sees methods and paths, and can trace and count them. The certificate of the host is always verified.
    """

    app_port: PortNumber = 80
    """Port that the app calls, as in http://HOST:PORT."""
    subject_alt_names: Many[Hostname] = ()
    """Names of which the host's certificate must carry one. Default: the host itself."""
    credential: DnsLabel | None = None
    """Secret in the egress gateway's namespace with a private CA (`cacert`). Default: the CAs of the proxy image."""
    mutual: bool = False
    """Also present the client certificate of `credential` (`cert` and `key`)."""
    methods: Many[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]] = ()
    """Methods that may leave. Empty: all."""
    paths: Many[HttpPath] = ()
    """Exact paths that may leave. Empty: all."""


class DestinationSpec(Spec):
    """A host outside the mesh, and who may call it."""

    model_config = ConfigDict(populate_by_name=True)

    host: WildcardHost | None = None
    """Name of the host, or a wildcard for the names below a domain such as *.googleapis.com. What is declared by
    itself, or by a longer wildcard, is for its own callers alone."""
    address: PrivateAddress | None = None
    """In place of `host`: an IPv4 address of a private network, for `protocol: tcp`. Apps dial the address itself."""
    port: PortNumber = 443
    """Port that the host listens on."""
    from_: Many[DnsLabel | ServiceAccountSpec] = Field(alias="from")
    """Callers: apps of this stack by name, others by `namespace` and `service_account`."""
    protocol: Literal["tls", "tcp"] = "tls"
    """What the app speaks: tls with a server name, or tcp (bytes such as a database's; one host per port, and any
    number of addresses)."""
    originate_tls: OriginateTlsSpec | None = None
    """Let the app speak plain HTTP and the mesh speak TLS."""
    via: Via | None = None
    """gateway: through the egress gateway, which checks the caller. sidecar: directly. Default: `egress.via`."""

    @property
    def name(self) -> str:
        """The name by which Istio knows it. That of an address is in no DNS (RFC 6761)."""
        if self.address is not None:
            return f"{self.address.replace('.', '-')}.address.invalid"
        return self.host or ""

    @property
    def declared_by(self) -> Literal["host", "address"]:
        """The setting that says what is meant."""
        return "host" if self.address is None else "address"


class EgressSpec(Spec):
    """What may leave the mesh."""

    via: Via = "gateway"
    """Default of every destination. sidecar leaves the control to the caller's own proxy: a workload that gets around
    its sidecar gets out, and nothing central sees it."""
    gateway: DnsLabel | None = None
    """The egress gateway, where `gateways` has several of them."""
    allow: Many[DestinationSpec] = ()
    """Destinations. What is not listed is blocked."""

    def via_of(self, destination: DestinationSpec) -> Via:
        return destination.via or self.via

    def gateway_name(self, gateways: Mapping[str, GatewaySpec]) -> str | None:
        """The egress gateway that is named, or the only one there is."""
        if self.gateway is not None:
            return self.gateway
        candidates = [name for name, spec in gateways.items() if spec.kind == "egress"]
        return candidates[0] if len(candidates) == 1 else None


def problems(egress: EgressSpec, apps: Declared[AppSpec], gateways: Declared[GatewaySpec]) -> Iterator[Problem]:
    """Mistakes that types cannot see."""
    if egress.gateway is not None and gateways.knows(egress.gateway):
        named = gateways.get(egress.gateway)
        if named is not None and named.kind != "egress":
            yield Problem("egress.gateway", _declared_gateways(gateways), egress.gateway)
    elif egress.gateway is not None:
        yield Problem("egress.gateway", _declared_gateways(gateways), egress.gateway)
    through = any(egress.via_of(destination) == "gateway" for destination in egress.allow)
    if through and egress.gateway is None and gateways.complete and egress.gateway_name(gateways) is None:
        yield Problem("egress.gateway", _declared_gateways(gateways))
    owners = {exposure.host: app.declared_at for app in apps.values() for exposure in app.exposures}
    for index, destination in enumerate(egress.allow):
        path = f"egress.allow.{index}"
        yield from _caller_problems(path, destination, apps)
        yield from _protocol_problems(path, destination, egress.via_of(destination))
        yield from _meaning_problems(path, destination, owners)
    yield from _host_problems(egress)
    yield from _port_problems(egress)


def _meaning_problems(path: str, destination: DestinationSpec, owners: Mapping[str, str]) -> Iterator[Problem]:
    """What is not outside the mesh, or not said."""
    host = destination.host
    if destination.address is not None:
        if host is not None:
            yield Problem(f"{path}.address", "stands in place of host; keep one of them", destination.address)
        if destination.protocol != "tcp":
            yield Problem(
                f"{path}.protocol",
                "must be tcp for an address: what goes by a server name is declared by it, as host",
                destination.protocol,
            )
        return
    if host is None:
        yield Problem(f"{path}.host", "is missing; name the host, or the address of what has no name")
        return
    if host in owners:
        yield Problem(
            f"{path}.host", f"is the host of {owners[host]}; to let an app call it, list the app in its callers", host
        )
    if host.rpartition(".")[2].isdigit():
        yield Problem(
            f"{path}.host",
            "is an address; declare the name that callers ask for, which TLS verifies and the gateway resolves, or, "
            "for what has none in a private network, address and protocol: tcp",
            host,
        )
    if host.endswith((".cluster.local", ".svc")) or host == "cluster.local":
        yield Problem(
            f"{path}.host",
            "is a service of the cluster; egress is for hosts outside it, callers are declared at the app",
            host,
        )


def _declared_gateways(gateways: Mapping[str, GatewaySpec]) -> str:
    names = sorted(name for name, spec in gateways.items() if spec.kind == "egress")
    if not names:
        return (
            "there is no gateway of kind egress; declare one under gateways, or say via: sidecar, which leaves the "
            "control to the caller's own proxy"
        )
    return f"must name one of the egress gateways in egress.gateway: {', '.join(names)}"


def _caller_problems(path: str, destination: DestinationSpec, apps: Declared[AppSpec]) -> Iterator[Problem]:
    if not destination.from_:
        yield Problem(
            f"{path}.from", "is empty, so nobody may call the host; list its callers or remove the destination"
        )
    for place, caller in enumerate(destination.from_):
        if isinstance(caller, str) and not apps.knows(caller):
            yield Problem(
                f"{path}.from.{place}",
                f"is no app of this stack (apps: {listed(sorted(apps))}); name another caller by namespace and "
                "service_account",
                caller,
            )


def _protocol_problems(path: str, destination: DestinationSpec, via: Via) -> Iterator[Problem]:
    wildcard = destination.name.startswith("*.")
    tls = destination.originate_tls
    if wildcard and destination.protocol == "tcp":
        yield Problem(
            f"{path}.protocol",
            "must be tls for a wildcard: bytes without a server name do not say which host is meant",
            "tcp",
        )
    if wildcard and tls is not None:
        yield Problem(
            f"{path}.originate_tls",
            "needs one host name, which is verified in the certificate; list the hosts one by one",
        )
    if tls is None:
        return
    if destination.protocol == "tcp":
        yield Problem(f"{path}.originate_tls", "is for HTTP; remove it, or protocol: tcp")
    if tls.mutual and tls.credential is None:
        yield Problem(
            f"{path}.originate_tls.mutual",
            "needs credential, the Secret with the client certificate (cert, key, cacert)",
        )
    if via == "sidecar" and tls.credential is not None:
        yield Problem(
            f"{path}.originate_tls.credential",
            "is a Secret that only the egress gateway reads; send the host via: gateway",
            tls.credential,
        )
    if via == "sidecar" and (tls.methods or tls.paths):
        yield Problem(
            f"{path}.originate_tls",
            "methods and paths are enforced at the egress gateway; send the host via: gateway, or remove them",
        )


def _port_problems(egress: EgressSpec) -> Iterator[Problem]:
    """A sidecar tells bytes apart by their port alone, and TLS and HTTP by names, so one port carries one of them."""
    ports: dict[int, tuple[str, int]] = {}
    for index, destination in enumerate(egress.allow):
        if destination.address is not None:
            continue  # told apart by the address
        origination = destination.originate_tls
        kind = destination.protocol if origination is None else "http"
        port = destination.port if origination is None else origination.app_port
        path = f"egress.allow.{index}.{'port' if origination is None else 'originate_tls.app_port'}"
        other, first = ports.setdefault(port, (kind, index))
        if other != kind:
            yield Problem(
                path,
                f"apps speak {other} on this port (egress.allow.{first}), so they cannot speak {kind} on it too",
                port,
            )
        elif kind == "tcp" and first != index:
            yield Problem(
                path,
                f"egress.allow.{first} takes the bytes of this port; tcp carries no name, so it holds one host",
                port,
            )


def _host_problems(egress: EgressSpec) -> Iterator[Problem]:
    firsts: dict[str, int] = {}
    ports: dict[tuple[str, int], int] = {}
    for index, destination in enumerate(egress.allow):
        path = f"egress.allow.{index}"
        first = firsts.setdefault(destination.name, index)
        same_port = ports.setdefault((destination.name, destination.port), index)
        if first == index:
            continue
        other = egress.allow[first]
        if same_port != index:
            yield Problem(
                f"{path}.{destination.declared_by}",
                f"egress.allow.{same_port} declares this {destination.declared_by} and port; add the callers there",
                destination.host or destination.address,
            )
        elif destination.name.startswith("*."):
            yield Problem(
                f"{path}.{destination.declared_by}",
                f"egress.allow.{first} declares this wildcard; a wildcard has one port",
                destination.host or destination.address,
            )
        elif destination.originate_tls is not None or other.originate_tls is not None:
            yield Problem(
                f"{path}.{destination.declared_by}",
                f"egress.allow.{first} declares this host; where the mesh opens its TLS, that is the host's one way",
                destination.host or destination.address,
            )
        elif egress.via_of(destination) != egress.via_of(other):
            yield Problem(
                f"{path}.via",
                f"egress.allow.{first} sends this {destination.declared_by} via: {egress.via_of(other)}; it has one "
                "way out",
            )
