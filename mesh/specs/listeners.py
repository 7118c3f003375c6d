"""Listeners of a gateway: a port, its hosts, its side of TLS.

Reference: https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import (
    DnsLabel,
    Duration,
    Hostname,
    Many,
    PortNumber,
    Spec,
    WildcardHost,
    duration_text,
    within,
)
from chatgpt_mesh.mesh.specs.words import HeaderWord

if TYPE_CHECKING:
    from collections.abc import Iterator

AEAD_CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""The suites of TLS 1.2 with forward secrecy and authenticated encryption; TLS 1.3 has no others and ignores the
list."""


Cipher = Literal[
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
]


_SERVICE = re.compile(r"[^.]+\.[^.]+\.svc\.cluster\.local")


class CertificateSpec(Spec):
    """A certificate that cert-manager requests and renews: https://cert-manager.io/docs/usage/certificate/"""

    issuer: DnsLabel
    """One of `certificate_issuers`."""
    kind: Literal["ClusterIssuer", "Issuer"] = "ClusterIssuer"
    """Issuer: one that somebody else has put into the gateway's namespace, and `issuer` is its name there."""
    duration: Annotated[Duration, within("1h", "9552h", "browsers take no more than 398 days")] | None = None
    """How long it is good, as far as the CA lets itself be asked; ACME's do not. Default: 90 days."""
    renew_before: Annotated[Duration, within("5m", "8760h")] | None = None
    """How long before its end it is renewed. Default: when two thirds of its time are over."""


class ClientCertificatesSpec(Spec):
    """Mutual TLS: the CA is the key `ca.crt` of the listener's Secret, or a Secret named like it with `-cacert`."""

    subjects: Many[HeaderWord] = ()
    """Subject alternative names of which a client must show one. Empty: every client with a certificate of the CA."""


class ListenerTlsSpec(Spec):
    """The server's side of TLS."""

    secret: DnsLabel | None = None
    """Secret of type kubernetes.io/tls in the gateway's namespace. Default with `cert_manager`:
    GATEWAY-LISTENER-tls."""
    cert_manager: CertificateSpec | None = None
    """Have cert-manager fill the Secret, instead of somebody else."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """Lowest TLS version. 1.0 and 1.1 cannot be chosen: RFC 8996 deprecates them."""
    max_version: Literal["1.2", "1.3"] | None = None
    """Highest TLS version. Default: the highest that the proxy speaks."""
    ciphers: Many[Cipher] = AEAD_CIPHERS
    """Suites for TLS 1.2. Only forward-secret AEAD suites can be chosen (RFC 9325, section 4.2)."""
    client_certificates: ClientCertificatesSpec | None = None
    """Ask for a client certificate and refuse clients without one."""


class ServiceDestinationSpec(Spec):
    """Where a TCP or TLS passthrough listener leads: one named service, so that nothing is exposed by accident."""

    host: Hostname
    """Full name of the service, such as postgres.data.svc.cluster.local."""
    port: PortNumber
    """Port of the service."""


class ListenerSpec(Spec):
    """One port of a gateway, with the hosts it may serve."""

    port: PortNumber = 443
    """Port of the gateway's Service."""
    protocol: Literal["HTTPS", "TLS", "TCP"] = "HTTPS"
    """HTTPS: the gateway terminates TLS. TLS: it passes TLS through by server name. TCP: bytes, internal gateways
    only."""
    hosts: Many[WildcardHost] = ()
    """Hosts that apps may claim on this listener: names or wildcards such as *.example.com. Not for TCP."""
    tls: ListenerTlsSpec | None = None
    """Certificate and versions, for HTTPS."""
    destination: ServiceDestinationSpec | None = None
    """The one service behind the listener, for TLS and TCP."""
    shared_with: Many[DnsLabel] = ()
    """Namespaces of other stacks that may attach VirtualServices for these hosts."""


def problems(path: str, listener: ListenerSpec, *, public: bool, redirect: bool) -> Iterator[Problem]:
    if listener.port in (15021, 15020, 15090):
        yield Problem(
            f"{path}.port", "is a port of the proxy itself (health and metrics); choose another", listener.port
        )
    if listener.port == 80 and (listener.protocol != "TCP" or redirect):
        yield Problem(f"{path}.port", "port 80 only redirects to https; choose another port", 80)
    if listener.destination is not None and not _SERVICE.fullmatch(listener.destination.host):
        yield Problem(
            f"{path}.destination.host",
            "must be the full name of a service of the cluster, such as postgres.data.svc.cluster.local",
            listener.destination.host,
        )
    for index, host in enumerate(listener.hosts):
        if host.rpartition(".")[2].isdecimal():
            yield Problem(f"{path}.hosts.{index}", "is an address; clients ask for names", host)
    if listener.protocol == "TCP" and public:
        yield Problem(
            f"{path}.protocol",
            "TCP is for internal gateways only: bytes that nothing authenticates have no place on the internet; "
            "move the listener to a gateway of kind internal, or use TLS",
            "TCP",
        )
    if listener.protocol == "HTTPS":
        if listener.tls is None:
            yield Problem(f"{path}.tls", "is missing; an HTTPS listener needs tls.secret or tls.cert_manager")
        elif listener.tls.secret is None and listener.tls.cert_manager is None:
            yield Problem(f"{path}.tls", "needs secret (an existing Secret) or cert_manager (one that is made)")
        elif listener.tls.max_version is not None and listener.tls.max_version < listener.tls.min_version:
            yield Problem(
                f"{path}.tls.max_version",
                f"must not be below min_version {listener.tls.min_version}",
                listener.tls.max_version,
            )
        if listener.tls is not None and listener.tls.cert_manager is not None:
            yield from _lifetime_problems(f"{path}.tls.cert_manager", listener.tls.cert_manager)
        if listener.destination is not None:
            yield Problem(
                f"{path}.destination", "is for TLS and TCP; an HTTPS listener leads where its apps' routes say"
            )
    else:
        if listener.destination is None:
            yield Problem(
                f"{path}.destination", f"is missing; a {listener.protocol} listener leads to one named service"
            )
        if listener.tls is not None:
            yield Problem(f"{path}.tls", f"is for HTTPS; a {listener.protocol} listener does not terminate TLS")
    if listener.protocol == "TCP" and listener.hosts:
        yield Problem(f"{path}.hosts", "TCP carries no host name; remove the list")
    if listener.protocol != "TCP" and not listener.hosts:
        yield Problem(f"{path}.hosts", "is missing; list the hosts that may be served here, such as *.example.com")


LIFETIME = timedelta(days=90)
"""What cert-manager asks for where nothing is said."""


def _lifetime_problems(path: str, asked: CertificateSpec) -> Iterator[Problem]:
    lifetime = asked.duration or LIFETIME
    if asked.renew_before is not None and asked.renew_before >= lifetime:
        yield Problem(
            f"{path}.renew_before",
            f"must be less than the time that the certificate is good for, {duration_text(lifetime)}",
            duration_text(asked.renew_before),
        )
