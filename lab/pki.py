"""Certificates of the lab: one authority for the cluster's processes, another for the edge.

Two authorities, because whoever trusts the lab's gateway must not thereby trust the cluster's administrators. Keys are
ECDSA P-256, readable by root alone, and live as long as the state directory.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import os
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIFETIME = datetime.timedelta(days=365)
RENEW_BEFORE = datetime.timedelta(days=30)

_PRIVATE = 0o600
_PUBLIC = 0o644


class Authority:
    """A certificate authority in a directory: ``ca.crt``, ``ca.key``, and the certificates that it has issued.

    Args:
        directory: Where the files are; made when it is absent.
        common_name: Name of the authority, when it has to be made.
    """

    def __init__(self, directory: Path, common_name: str) -> None:
        self.directory = directory
        self._common_name = common_name

    @property
    def certificate(self) -> Path:
        """The authority's own certificate; it exists after ``ensure``."""
        return self.directory / "ca.crt"

    def ensure(self) -> Authority:
        """Make the authority unless it is there and good for another month."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _good(self.certificate):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                _builder(self._common_name, (), key.public_key(), issuer=None)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_key_usage(authority=True), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .sign(key, hashes.SHA256())
            )
            for stale in self.directory.glob("*.crt"):
                stale.unlink()
            _write_key(self.directory / "ca.key", key)
            _write(self.certificate, certificate.public_bytes(serialization.Encoding.PEM), _PUBLIC)
        return self

    def issue(
        self,
        name: str,
        common_name: str,
        *,
        organizations: Sequence[str] = (),
        names: Sequence[str] = (),
        lifetime: datetime.timedelta | None = None,
    ) -> tuple[Path, Path]:
        """A certificate and its key; the present one when it is good for another month and has the same names.

        Args:
            name: File name without its extension.
            common_name: Subject; for a client of the API server, the user's name.
            organizations: For a client of the API server, the user's groups.
            names: DNS names and IP addresses for which it may serve.
            lifetime: From now on; None: as long as the authority's own.
        """
        certificate_path, key_path = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        if key_path.exists() and _good(certificate_path, names):
            return certificate_path, key_path
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        authority_key = serialization.load_pem_private_key((self.directory / "ca.key").read_bytes(), password=None)
        if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self.directory / 'ca.key'} is not an ECDSA key")
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(common_name, organizations, key.public_key(), authority.subject, lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(one) for one in names]), critical=False
            )
        _write_key(key_path, key)
        _write(
            certificate_path,
            builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
            _PUBLIC,
        )
        return certificate_path, key_path


def cluster_authority(pki: Path) -> Authority:
    """The authority of the API server, etcd, kubelet and their clients."""
    return Authority(pki / "cluster", "chatgpt-mesh lab cluster CA").ensure()


def edge_authority(pki: Path) -> Authority:
    """The authority of the gateways and of the hosts outside the mesh; the lab's clients trust its certificate."""
    return Authority(pki / "edge", "chatgpt-mesh lab edge CA").ensure()


def service_account_key(directory: Path) -> tuple[Path, Path]:
    """Public and private RSA key with which service account tokens are signed."""
    public, private = directory / "service-account.pub", directory / "service-account.key"
    if not (public.exists() and private.exists()):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write_key(private, key)
        public_bytes = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write(public, public_bytes, _PUBLIC)
    return public, private


def _builder(
    common_name: str,
    organizations: Sequence[str],
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name | None,
    lifetime: datetime.timedelta | None = None,
) -> x509.CertificateBuilder:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]
    subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + (lifetime or LIFETIME))
    )


@functools.cache
def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _good(path: Path, names: Sequence[str] = ()) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return False
    if certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < RENEW_BEFORE:
        return False
    try:
        present = set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        present = set[x509.GeneralName]()
    return present == {_general_name(name) for name in names}


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem, _PRIVATE)


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    temporary.replace(path)
