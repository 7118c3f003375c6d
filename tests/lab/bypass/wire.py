"""Sends a request as it is, however wrong: HTTP/1.1 as bytes, HTTP/2 as frames with headers that nothing has checked.

RFC 9113 (frames) and RFC 7541, section 6.2.2 (a literal header field without indexing).
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.bypass.attempt import HOST, LARGEST_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.bypass.attempt import Sent

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _ACKNOWLEDGED, _END_HEADERS = 1, 1, 4
_SECONDS = 10.0
_ANSWERS = 50
_STATUS_OF_INDEX = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


class Connections:
    """To one gateway; what has refused a request and goes on is asked the next one, as clients do."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._open: dict[str, _Connection] = {}

    def send(self, transport: str, request: Sent) -> int:
        """The status of the answer; 0 where there was none, or over HTTP/2 none that its table has a number for."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            if transport not in self._open:
                self._open[transport] = _Connection(_connected(self._address, transport))
            connection = self._open[transport]
            status = _http1(connection, request) if transport == "h1" else _http2(connection, request)
            if not connection.closing:
                return status
            self._close(transport)
            return status
        self._close(transport)
        return 0

    def _close(self, transport: str) -> None:
        if (connection := self._open.pop(transport, None)) is not None:
            connection.socket.close()

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        for transport in list(self._open):
            self._close(transport)


@dataclass
class _Connection:
    socket: ssl.SSLSocket
    stream: int = -1
    """The last one, over HTTP/2."""
    held: bytes = b""
    closing: bool = False


def _connected(address: str, transport: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2" if transport == "h2" else "http/1.1"])
    plain = socket.create_connection((address, 443), timeout=_SECONDS)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return context.wrap_socket(plain, server_hostname=HOST)
    except BaseException:
        plain.close()
        raise


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def as_bytes(request: Sent) -> bytes:
    head = f"{request.method} {request.target} {request.version}".rstrip(" ")
    lines = [head, *(f"{name}: {value}" for name, value in request.headers), "", ""]
    return _bytes("\r\n".join(lines)) + request.body


def _http1(connection: _Connection, request: Sent) -> int:
    with contextlib.suppress(OSError):  # an answer may come before all of the body has gone
        connection.socket.sendall(as_bytes(request))
    response = http.client.HTTPResponse(connection.socket, method=request.method)
    response.begin()
    response.read()
    # Of a refused body some may still be under way, which nobody may take for the next request.
    connection.closing = response.will_close or _open_ended(request)
    return response.status


def _open_ended(request: Sent) -> bool:
    """Whether two readers may see its end at different places."""
    lengths = [value for name, value in request.headers if name.lower() == "content-length"]
    coded = any(name.lower() == "transfer-encoding" for name, _ in request.headers)
    return coded or lengths != ([str(len(request.body))] if request.body else []) or len(request.body) > LARGEST_FRAME


def _http2(connection: _Connection, request: Sent) -> int:
    opening = _PREFACE + _frame(_SETTINGS, 0, 0, b"") if connection.stream < 0 else b""
    connection.stream += 2
    number, last = connection.stream, _END_STREAM if not request.body else 0
    frames = [_frame(_HEADERS, last | _END_HEADERS, number, header_block(request))]
    if request.body:
        frames.append(_frame(_DATA, _END_STREAM, number, request.body))
    connection.socket.sendall(opening + b"".join(frames))
    status = 0
    for kind, flags, stream, payload in _frames(connection):
        if kind == _SETTINGS and not flags & _ACKNOWLEDGED:
            connection.socket.sendall(_frame(_SETTINGS, _ACKNOWLEDGED, 0, b""))
        if stream == number and kind == _HEADERS and payload and payload[0] & 0x80:
            status = _STATUS_OF_INDEX.get(payload[0] & 0x7F, 0)
        connection.closing |= kind == _GOAWAY
        if stream == number and (kind == _RESET or (kind in (_HEADERS, _DATA) and flags & _END_STREAM)):
            break
    else:
        connection.closing = True
    # Nothing here widens the window, of 64 KiB, for answers.
    connection.closing |= number > 2 * _ANSWERS
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


def _frames(connection: _Connection) -> Iterator[tuple[int, int, int, bytes]]:
    while True:
        while len(connection.held) >= 9 and len(connection.held) >= (
            size := 9 + int.from_bytes(connection.held[:3], "big")
        ):
            frame, connection.held = connection.held[:size], connection.held[size:]
            yield frame[3], frame[4], int.from_bytes(frame[5:9], "big"), frame[9:]
        part = connection.socket.recv(65536)
        if not part:
            return
        connection.held += part
