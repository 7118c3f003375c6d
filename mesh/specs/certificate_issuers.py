"""Who signs the certificates that listeners ask cert-manager for: https://cert-manager.io/docs/configuration/

Each issuer becomes a ClusterIssuer. Its Secrets (account keys, a CA) are in cert-manager's own namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import StringConstraints

from chatgpt_mesh.mesh.specs.declared import Declared, NamedSpec, listed
from chatgpt_mesh.mesh.specs.google_names import ProjectId, ResourceName
from chatgpt_mesh.mesh.specs.kubernetes_names import ObjectName
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.scalar import text_like
from chatgpt_mesh.mesh.specs.spec import HttpsUrl, Spec
from chatgpt_mesh.mesh.specs.words import HeaderWord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.mesh.specs.gateways import GatewaySpec
    from chatgpt_mesh.mesh.specs.listeners import CertificateSpec, ListenerSpec

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"

if TYPE_CHECKING:
    MailAddress = str
else:
    MailAddress = text_like(
        r"[A-Za-z0-9._+-]+@([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?",
        "must be a mail address such as platform@example.com",
        longest=254,
        examples=["platform@example.com"],
    )


class CloudDnsSpec(Spec):
    """A zone of Cloud DNS that answers for the hosts: https://cert-manager.io/docs/configuration/acme/dns01/google/

    cert-manager writes there as its own service account, by Workload Identity: no key is kept anywhere.
    """

    project: ProjectId
    """The project that the zone is in."""
    zone: ResourceName | None = None
    """Name of the managed zone, which is not its DNS name. With it cert-manager may change records of this zone alone;
    without it, of every zone of the project, and it looks for the one that has the host."""


class Dns01Spec(Spec):
    """The challenge by a TXT record: the only one for hosts with a `*`, and the only one that needs no way in from the
    internet. RFC 8555, section 8.4."""

    cloud_dns: CloudDnsSpec
    """Where the record is written."""


class Http01Spec(Spec):
    """The challenge by a page on port 80 of the listener's own gateway, which answers it there and still redirects
    everything else to https. RFC 8555, section 8.3."""


class ExternalAccountSpec(Spec):
    """An account that the CA knows already, as Google's and ZeroSSL's want it. RFC 8555, section 7.3.4."""

    key_id: HeaderWord
    """Id of the key, from the CA."""
    secret: ObjectName
    """Secret of cert-manager's namespace with the key, in base64url, as `secret`."""


class AcmeSpec(Spec):
    """A CA that proves by a challenge that a host is yours. Exactly one of dns01 and http01."""

    server: HttpsUrl = LETS_ENCRYPT
    """Directory of the CA. Let's Encrypt's for trials is https://acme-staging-v02.api.letsencrypt.org/directory."""
    email: MailAddress | None = None
    """Whom the CA writes to about the account."""
    account_secret: ObjectName | None = None
    """Secret that keeps the account's key. Default: ISSUER-account."""
    external_account: ExternalAccountSpec | None = None
    """The account that this one is bound to."""
    profile: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")] | None = None
    """One of the CA's profiles, such as shortlived."""
    dns01: Dns01Spec | None = None
    """Prove it by a DNS record."""
    http01: Http01Spec | None = None
    """Prove it by a page: `http01: {}`."""


class CaSpec(Spec):
    """A CA of your own, whose certificate and key are in a Secret."""

    secret: ObjectName
    """Secret of type kubernetes.io/tls in cert-manager's namespace."""


class CertificateIssuerSpec(NamedSpec):
    """One issuer. Exactly one of acme, ca and existing."""

    section = "certificate_issuers"

    acme: AcmeSpec | None = None
    """A public CA that speaks ACME."""
    ca: CaSpec | None = None
    """A CA of your own."""
    existing: bool = False
    """A ClusterIssuer of this name is on the cluster already; this stack makes none."""

    @property
    def account_secret(self) -> str:
        """The Secret with the key of the ACME account."""
        return (self.acme and self.acme.account_secret) or f"{self.name}-account"

    @property
    def proves_by_page(self) -> bool:
        """Whether its challenges are answered on port 80 of a gateway."""
        return self.acme is not None and self.acme.http01 is not None


def problems(issuers: Declared[CertificateIssuerSpec], gateways: Declared[GatewaySpec]) -> Iterator[Problem]:
    for issuer in issuers.values():
        yield from _issuer_problems(issuer)
    for gateway in gateways.values():
        for name, listener in gateway.listeners.items():
            if listener.tls is not None and listener.tls.cert_manager is not None:
                path = f"{gateway.declared_at}.listeners.{name}"
                yield from _use_problems(path, gateway, listener, listener.tls.cert_manager, issuers)


def _issuer_problems(issuer: CertificateIssuerSpec) -> Iterator[Problem]:
    path = issuer.declared_at
    if [issuer.acme is not None, issuer.ca is not None, issuer.existing].count(True) != 1:
        yield Problem(path, "needs exactly one of acme, ca and existing: true")
    if issuer.acme is not None and (issuer.acme.dns01 is None) == (issuer.acme.http01 is None):
        yield Problem(
            f"{path}.acme",
            "needs exactly one of dns01 (a DNS record, also for hosts with a '*') and http01 (a page on port 80)",
        )


def _use_problems(
    path: str,
    gateway: GatewaySpec,
    listener: ListenerSpec,
    asked: CertificateSpec,
    issuers: Declared[CertificateIssuerSpec],
) -> Iterator[Problem]:
    where = f"{path}.tls.cert_manager.issuer"
    if asked.kind != "ClusterIssuer":
        return
    if not issuers.knows(asked.issuer):
        yield Problem(
            where,
            f"is no issuer of this stack ({listed(issuers)}); declare it under certificate_issuers, with existing: "
            "true if its ClusterIssuer is on the cluster already",
            asked.issuer,
        )
        return
    issuer = issuers.get(asked.issuer)
    if issuer is None or not issuer.proves_by_page:
        return
    wildcard = next((host for host in listener.hosts if host.startswith("*.")), None)
    if wildcard is not None:
        yield Problem(
            where,
            f"proves hosts by a page (http01), and {path}.hosts has {wildcard}, which no page proves; list the hosts "
            "one by one, or give the issuer dns01",
            asked.issuer,
        )
    if gateway.kind != "public":
        yield Problem(
            where,
            f"proves hosts by a page that the CA reads from the internet (http01), and {gateway.declared_at} is of "
            f"kind {gateway.kind}; use an issuer with dns01 or ca",
            asked.issuer,
        )
    if not gateway.serves_redirect:
        yield Problem(
            f"{gateway.declared_at}.redirect_http",
            f"leaves port 80 closed, where {issuer.declared_at} has its page (http01); set it to true, or use an "
            "issuer with dns01 or ca",
            False,
        )
