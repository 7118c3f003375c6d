"""What may leave the mesh: which app may reach which host outside it, and nothing else.

How a destination is reached, and what holds the rest back: `mesh.objects.egress`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field

from chatgpt_mesh.mesh.specs.declared import Declared, listed
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

    host: WildcardHost
    """Name of the host, or a wildcard for the names below a domain such as *.googleapis.com. What is declared by
    itself, or by a longer wildcard, is for its own callers alone."""
    port: PortNumber = 443
    """Port that the host listens on."""
    from_: Many[DnsLabel | ServiceAccountSpec] = Field(alias="from")
    """Callers: apps of this stack by name, others by `namespace` and `service_account`."""
    protocol: Literal["tls", "tcp"] = "tls"
    """What the app speaks: tls with a server name, or tcp (bytes such as a database's; one host per port)."""
    originate_tls: OriginateTlsSpec | None = None
    """Let the app speak plain HTTP and the mesh speak TLS."""
    via: Via | None = None
    """gateway: through the egress gateway, which checks the caller. sidecar: directly. Default: `egress.via`."""


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
        if destination.host in owners:
            yield Problem(
                f"{path}.host",
                f"is the host of {owners[destination.host]}; to let an app call it, list the app in its callers",
                destination.host,
            )
        if destination.host.rpartition(".")[2].isdigit():
            yield Problem(
                f"{path}.host",
                "is an address; declare the name that callers ask for, which TLS verifies and the gateway resolves",
                destination.host,
            )
        if destination.host.endswith((".cluster.local", ".svc")) or destination.host == "cluster.local":
            yield Problem(
                f"{path}.host",
                "is a service of the cluster; egress is for hosts outside it, callers are declared at the app",
                destination.host,
            )
    yield from _host_problems(egress)
    yield from _port_problems(egress)


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
    wildcard = destination.host.startswith("*.")
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
        first = firsts.setdefault(destination.host, index)
        same_port = ports.setdefault((destination.host, destination.port), index)
        if first == index:
            continue
        other = egress.allow[first]
        if same_port != index:
            yield Problem(
                f"{path}.host",
                f"egress.allow.{same_port} declares this host and port; add the callers there",
                destination.host,
            )
        elif destination.host.startswith("*."):
            yield Problem(
                f"{path}.host",
                f"egress.allow.{first} declares this wildcard; a wildcard has one port",
                destination.host,
            )
        elif destination.originate_tls is not None or other.originate_tls is not None:
            yield Problem(
                f"{path}.host",
                f"egress.allow.{first} declares this host; where the mesh opens its TLS, that is the host's one way",
                destination.host,
            )
        elif egress.via_of(destination) != egress.via_of(other):
            yield Problem(
                f"{path}.via",
                f"egress.allow.{first} sends this host via: {egress.via_of(other)}; a host has one way out",
            )
