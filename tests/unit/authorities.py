"""Roots and authorities of clusters, made on the spot, each mistake in one of them included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TODAY = date(2026, 11, 24)


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key(self) -> str:
        form = serialization.PrivateFormat.PKCS8
        return self.private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def authority(
    name: str,
    by: Authority | None = None,
    *,
    ca: bool = True,
    signs: bool = True,
    path_length: int | None = None,
    first: date = TODAY - timedelta(days=30),
    last: date = TODAY + timedelta(days=3650),
) -> Authority:
    """One that `by` has signed; without it a root."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(False, False, False, False, False, signs, True, False, False)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.combine(first, time(), UTC))
        .not_valid_after(datetime.combine(last, time(), UTC))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length if ca else None), critical=True)
        .add_extension(usage, critical=True)
    )
    return Authority(built.sign(by.private if by else private, hashes.SHA256()), private)


@cache
def root() -> Authority:
    return authority("chatgpt root")


@cache
def of_cluster(name: str) -> Authority:
    return authority(name, root())


def ca(name: str = "east") -> dict[str, str]:
    """The setting `istio.multi_cluster.ca` of a cluster of that root."""
    own = of_cluster(name)
    return {"cert": own.pem, "key": own.key, "root": root().pem}
