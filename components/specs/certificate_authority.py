"""The authority by which a cluster's istiod signs identities, where several clusters are to believe each other.

Each cluster has one of its own below a root that all of them have in common, so that the root's key is nowhere in a
cluster, and one cluster's authority can be taken out of use without the others'.
https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import Field

from chatgpt_mesh.mesh.specs.dates import from_today
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.mesh.specs.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

UNREAD = "[secret]"
"""What an encrypted value reads as for tools that run without Pulumi's engine, which then do not judge it."""

NOTICE = timedelta(days=60)
"""How long before its end a certificate is warned of: a new authority takes a restart of every pod."""

_DEEPEST = 8
"""Certificates from the authority to the root; whoever has more has put a bundle of others there."""


class CertificateAuthoritySpec(Spec):
    """An intermediate authority of the mesh's root, for this cluster alone. Each is PEM, as text."""

    cert: str = Field(repr=False)
    """Its certificate: `ca-cert.pem` of Istio's Secret `cacerts`."""
    key: str = Field(repr=False)
    """Its private key, RSA or ECDSA without a password, encrypted in the stack file: `ca-key.pem`."""
    root: str = Field(repr=False)
    """Certificate of the root, the same in every cluster of the mesh: `root-cert.pem`."""
    chain: str | None = Field(default=None, repr=False)
    """Its certificate and those between it and the root: `cert-chain.pem`. Default: its certificate alone."""

    @property
    def certificates(self) -> dict[str, str]:
        """Those that are there, by their fields, and not just known to be encrypted."""
        said = {"cert": self.cert, "root": self.root, "chain": self.chain}
        return {name: text for name, text in said.items() if text is not None and text != UNREAD}

    @property
    def is_read(self) -> bool:
        """Whether all of them are there."""
        return UNREAD not in (self.cert, self.root, self.chain)

    @property
    def root_sha256(self) -> str:
        """SHA-256 of the root's certificate, in lower-case hexadecimal."""
        return _certificates(self.root)[0].fingerprint(hashes.SHA256()).hex()

    @property
    def files(self) -> dict[str, str]:
        """What stands in the Secret `cacerts`, by Istio's names."""
        return {
            "ca-cert.pem": self.cert,
            "ca-key.pem": self.key,
            "root-cert.pem": self.root,
            "cert-chain.pem": self.chain or self.cert,
        }


def readable(path: str, authority: CertificateAuthoritySpec, *, encrypted: bool, in_engine: bool) -> Iterator[Problem]:
    """What everybody can read who reads the stack file, or nobody at all.

    `encrypted`: Pulumi keeps the key as a secret. `in_engine`: its engine has decrypted whatever is.
    """
    if authority.key != UNREAD and not encrypted:
        yield Problem(
            f"{path}.key",
            "stands in the stack file in plain text, and whoever has it can be any workload of the mesh: make another, "
            f"and encrypt it: pulumi config set --secret --path 'chatgpt-mesh:{path}.key' < ca-key.pem",
        )
    for name in ("cert", "key", "root", "chain"):
        if in_engine and getattr(authority, name) == UNREAD:
            yield Problem(f"{path}.{name}", "is what tools show of an encrypted value; write the PEM", UNREAD)


def problems(path: str, authority: CertificateAuthoritySpec, today: date) -> Iterator[Problem]:
    """What would keep istiod from signing, or others from believing it. Nothing of the key is in a sentence.

    What is encrypted and not read is left out, and what is said about it together with something else.
    """
    read: dict[str, list[x509.Certificate]] = {}
    for name, text in authority.certificates.items():
        read[name] = _certificates(text)
        if not read[name]:
            yield Problem(
                f"{path}.{name}", "must be a certificate as PEM: -----BEGIN CERTIFICATE----- and what follows"
            )
        elif name != "chain" and len(read[name]) > 1:
            yield Problem(f"{path}.{name}", "must be one certificate; what lies between belongs into chain")
        for found in read[name]:
            yield from _date_problems(f"{path}.{name}", found, today)
        if name != "chain" and read[name]:
            yield from _authority_problems(f"{path}.{name}", read[name][0])
    if authority.key != UNREAD:
        yield from _key_problems(path, authority.key, read.get("cert", []))
    if authority.is_read and read["cert"] and read["root"]:
        yield from _together(path, read["cert"][0], read["root"][0], read.get("chain", []))


def warnings(path: str, authority: CertificateAuthoritySpec, today: date) -> Iterator[Problem]:
    """Certificates that end soon."""
    for name, text in authority.certificates.items():
        last = min((found.not_valid_after_utc.date() for found in _certificates(text)), default=None)
        if last is not None and today <= last <= today + NOTICE:
            yield Problem(
                f"{path}.{name}",
                f"ends on {last}, {from_today(last, today)}; no pod gets a certificate after that: put another one "
                "there (docs/second-cluster.md)",
            )


def _together(
    path: str, cert: x509.Certificate, root: x509.Certificate, chain: Sequence[x509.Certificate]
) -> Iterator[Problem]:
    if cert == root:
        yield Problem(
            f"{path}.cert",
            "is the root itself, whose key then lies in each cluster and cannot be taken back in one; sign an "
            "authority for this cluster with it",
        )
        return
    if chain and cert not in chain:
        yield Problem(f"{path}.chain", "must begin with cert, which istiod hands out with each certificate")
    yield from _way_to_the_root(path, cert, chain, root)


def _certificates(text: str) -> list[x509.Certificate]:
    """Empty where the text holds no certificate, or one that cannot be read."""
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return []


def _key_problems(path: str, text: str, cert: Sequence[x509.Certificate]) -> Iterator[Problem]:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        yield Problem(
            f"{path}.key", "has a password, which istiod is not told; take it off: openssl pkey -in ... -out ..."
        )
        return
    except Exception:  # whatever the library raises may quote what it read
        yield Problem(f"{path}.key", "must be a private key as PEM: -----BEGIN PRIVATE KEY----- and what follows")
        return
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        yield Problem(f"{path}.key", "must be RSA or ECDSA, which is what istiod signs with")
    elif cert and key.public_key() != cert[0].public_key():
        yield Problem(f"{path}.key", f"is not the key of {path}.cert; put the two there that were made together")


def _authority_problems(path: str, found: x509.Certificate) -> Iterator[Problem]:
    try:
        constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = None
    if constraints is None or not constraints.ca:
        yield Problem(path, "is of no certificate authority (CA:TRUE is missing), and nobody believes what it signs")
        return
    try:
        usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.key_cert_sign:
        yield Problem(path, "may not sign certificates: its key usage lacks keyCertSign")


def _date_problems(path: str, found: x509.Certificate, today: date) -> Iterator[Problem]:
    first, last = found.not_valid_before_utc.date(), found.not_valid_after_utc.date()
    if first > today:
        yield Problem(path, f"is not good before {first} (today is {today})")
    elif last <= today:
        yield Problem(path, f"has ended on {last} (today is {today}); put another one there (docs/second-cluster.md)")


def _way_to_the_root(
    path: str, cert: x509.Certificate, chain: Sequence[x509.Certificate], root: x509.Certificate
) -> Iterator[Problem]:
    here = cert
    for below in range(_DEEPEST):
        issuer = next((one for one in (root, *chain) if one != here and _issued(here, one)), None)
        if issuer is None:
            break
        longest = _path_length(issuer)
        if longest is not None and longest < below + 1:
            yield Problem(
                f"{path}.root" if issuer == root else f"{path}.chain",
                f"allows {longest} authorities below it (pathlen), and here it has {below + 1}",
            )
        if issuer == root:
            return
        here = issuer
    yield Problem(
        f"{path}.chain" if chain else f"{path}.cert",
        f"does not lead from cert to root: nothing here has signed {here.subject.rfc4514_string() or 'a certificate'}; "
        "put the authorities between the two into chain",
    )


def _issued(found: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        found.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _path_length(found: x509.Certificate) -> int | None:
    try:
        return found.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    except x509.ExtensionNotFound:
        return None
