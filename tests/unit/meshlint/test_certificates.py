"""What is read from a certificate, against the library that wrote it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from meshlint.view.certificates import certificate

pytestmark = pytest.mark.unit

BEGINS = datetime(1999, 1, 1, tzinfo=UTC)
LABELS = st.from_regex(r"[a-z][a-z0-9]{0,20}", fullmatch=True)
HOSTS = st.lists(st.builds("{}.{}.example.com".format, st.just("*") | LABELS, LABELS), max_size=30, unique=True)
KEY = ec.generate_private_key(ec.SECP256R1())


def written(hosts: list[str], ends: datetime) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = x509.CertificateBuilder(name, name, KEY.public_key(), 1, BEGINS, ends)
    if hosts:
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
    return made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@given(HOSTS, st.datetimes(datetime(2000, 1, 1), datetime(2120, 1, 1), timezones=st.just(UTC)))
def test_hosts_and_end_are_those_that_were_written(hosts: list[str], ends: datetime) -> None:
    read = certificate(written(hosts, ends))
    assert read is not None
    assert read.hosts == tuple(hosts)
    assert read.ends == ends.replace(microsecond=0)


@given(st.integers(0, 2000), st.binary(max_size=3))
def test_what_is_no_certificate_is_none_and_no_traceback(place: int, wrong: bytes) -> None:
    pem = written(["a.example.com"], datetime(2040, 1, 1, tzinfo=UTC))
    broken = pem[:place] + wrong.decode("latin1") + pem[place + 1 :]
    certificate(broken)
    assert certificate("no certificate") is None
    assert certificate("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----") is None
