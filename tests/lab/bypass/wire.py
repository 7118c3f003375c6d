"""Sends a request as it is, however wrong: HTTP/1.1 as bytes, HTTP/2 as frames with headers that nothing has checked.

RFC 9113 (frames) and RFC 7541, section 6.2.2 (a literal header field without indexing).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

from tests.lab.bypass.attempt import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.lab.bypass.attempt import Sent

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _ACKNOWLEDGED, _END_HEADERS = 1, 1, 4
_SECONDS = 10.0
_STATUS_OF_INDEX = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


def send(transport: str, address: str, request: Sent) -> int:
    """The status of the answer; 0 where there was none, or over HTTP/2 none that its table has a number for."""
    with contextlib.suppress(OSError), _connected(address, transport) as connection:
        return _http1(connection, request) if transport == "h1" else _http2(connection, request)
    return 0


@contextlib.contextmanager
def _connected(address: str, transport: str) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2" if transport == "h2" else "http/1.1"])
    with (
        socket.create_connection((address, 443), timeout=_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        yield connection


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def as_bytes(request: Sent) -> bytes:
    head = f"{request.method} {request.target} {request.version}".rstrip(" ")
    lines = [head, *(f"{name}: {value}" for name, value in request.headers), "connection: close", "", ""]
    return _bytes("\r\n".join(lines)) + request.body


def _http1(connection: ssl.SSLSocket, request: Sent) -> int:
    with contextlib.suppress(OSError):  # an answer may come before all of the body has gone
        connection.sendall(as_bytes(request))
    found = b""
    while part := connection.recv(65536):
        found += part
    words = found.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def _http2(connection: ssl.SSLSocket, request: Sent) -> int:
    last = _END_STREAM if not request.body else 0
    frames = [_frame(_SETTINGS, 0, 0, b""), _frame(_HEADERS, last | _END_HEADERS, 1, header_block(request))]
    if request.body:
        frames.append(_frame(_DATA, _END_STREAM, 1, request.body))
    connection.sendall(_PREFACE + b"".join(frames))
    status = 0
    for kind, flags, stream, payload in _frames(connection):
        if kind == _SETTINGS and not flags & _ACKNOWLEDGED:
            connection.sendall(_frame(_SETTINGS, _ACKNOWLEDGED, 0, b""))
        if kind == _HEADERS and payload and payload[0] & 0x80:
            status = _STATUS_OF_INDEX.get(payload[0] & 0x7F, 0)
        if kind == _GOAWAY or (stream == 1 and (kind == _RESET or (kind in (_HEADERS, _DATA) and flags & _END_STREAM))):
            break
    return status


def header_block(request: Sent) -> bytes:
    given = list(request.headers)
    if not any(name.startswith(":") for name, _ in given):
        host = next((value for name, value in given if name == "host"), HOST)
        pseudo = [(":method", request.method), (":scheme", "https"), (":authority", host), (":path", request.target)]
        given = [*pseudo, *(one for one in given if one[0] != "host")]
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in given)


def _text(value: str) -> bytes:
    raw = _bytes(value)
    return _integer(len(raw)) + raw


def _integer(number: int) -> bytes:
    """RFC 7541, section 5.1, with a prefix of seven bits."""
    if number < 127:
        return bytes([number])
    found, number = [127], number - 127
    while number >= 128:
        found.append(number % 128 + 128)
        number //= 128
    return bytes([*found, number])


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _frames(connection: ssl.SSLSocket) -> Iterable[tuple[int, int, int, bytes]]:
    held = b""
    while part := connection.recv(65536):
        held += part
        while len(held) >= 9 and len(held) >= (size := 9 + int.from_bytes(held[:3], "big")):
            yield held[3], held[4], int.from_bytes(held[5:9], "big"), held[9:size]
            held = held[size:]
