"""What a certificate says of itself: until when it is good, and for which hosts (X.509, RFC 5280).

Nothing is verified here: the few fields are read from the encoding, and what cannot be read is no certificate.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _UTC_TIME, _VERSION, _EXTENSIONS, _DNS_NAME = 0x30, 0x17, 0xA0, 0xA3, 0x82
_ALTERNATIVE_NAMES = bytes((0x06, 0x03, 0x55, 0x1D, 0x11))
"""The extension subjectAltName (2.5.29.17), as its object identifier is encoded."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The end of a certificate's time, and its host names."""

    ends: datetime
    hosts: tuple[str, ...]


def certificate(pem: str) -> Certificate | None:
    """The first certificate of a PEM file; None where there is none that can be read."""
    block = _PEM.search(pem)
    if block is None:
        return None
    try:
        return _read(base64.b64decode("".join(block[1].split()), validate=True))
    except (binascii.Error, ValueError, IndexError, StopIteration):
        return None


def _parts(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a constructed value in DER: tag and content."""
    position = 0
    while position < len(encoded):
        tag, length = encoded[position], encoded[position + 1]
        position += 2
        if length > 0x80:
            size = length & 0x7F
            length = int.from_bytes(encoded[position : position + size], "big")
            position += size
        if position + length > len(encoded):
            raise ValueError("truncated")
        yield tag, encoded[position : position + length]
        position += length


def _read(encoded: bytes) -> Certificate:
    _, whole = next(_parts(encoded))
    _, signed = next(_parts(whole))
    fields = list(_parts(signed))
    if fields[0][0] == _VERSION:
        fields = fields[1:]
    # Serial number, algorithm, issuer, and then the time.
    tag, ends = list(_parts(fields[3][1]))[1]
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    until = datetime.strptime(ends.decode("ascii"), form).replace(tzinfo=UTC)
    hosts: tuple[str, ...] = ()
    for found, content in fields:
        if found == _EXTENSIONS:
            hosts = tuple(_hosts(content))
    return Certificate(until, hosts)


def _hosts(extensions: bytes) -> Iterator[str]:
    _, listed = next(_parts(extensions))
    for _, extension in _parts(listed):
        if extension.startswith(_ALTERNATIVE_NAMES):
            _, names = list(_parts(extension))[-1]
            for tag, content in _parts(next(_parts(names))[1]):
                if tag == _DNS_NAME:
                    yield content.decode("ascii").lower()
