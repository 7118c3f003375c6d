"""An MCP server of which nothing is asked but open streams: `python server.py PORT SECONDS`; standard library alone.

A POST that calls the tool `stream` is answered by an event stream without an end: an event at once, one after a part of
`SECONDS` that differs from stream to stream, and one each `SECONDS` from then on. Everything else is answered by an
empty result. An event's message is the time of its sending by the machine's monotonic clock, which all processes of one
machine share.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time

_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_STREAM = re.compile(rb'"name": *"stream"')
_GOLDEN = 0.618034
"""Multiples of it modulo one are spread evenly, however many there are."""
_OPENED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_RESULT = b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
_ANSWERED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_RESULT),
    _RESULT,
)


def event(number: int, sent_at: float) -> bytes:
    """A notification of progress, as a chunk of the body."""
    parameters = {"progressToken": 1, "progress": number, "message": f"{sent_at:.6f}"}
    data = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": parameters})
    text = f"event: message\ndata: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(text), text)


class Connection(asyncio.Protocol):
    """HTTP/1.1 of a proxy: one request after the other, bodies with a length."""

    _numbers = itertools.count()

    def __init__(self, period: float) -> None:
        self._period = period
        self._unread = b""
        self._events = itertools.count(1)
        self._next: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (body := self._body()) is not None:
            self._answer(body)

    def _body(self) -> bytes | None:
        """That of the next request, None where it has not come whole."""
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not found or len(rest) < size:
            return None
        self._unread = rest[size:]
        return rest[:size]

    def _answer(self, body: bytes) -> None:
        assert self._transport is not None
        if not _STREAM.search(body):
            self._transport.write(_ANSWERED)
            return
        self._transport.write(_OPENED)
        self._send(wait=next(self._numbers) * _GOLDEN % 1 * self._period)

    def _send(self, wait: float) -> None:
        assert self._transport is not None
        self._transport.write(event(next(self._events), time.monotonic()))
        self._next = asyncio.get_running_loop().call_later(wait, self._send, self._period)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next is not None:
            self._next.cancel()


async def serve(port: int, period: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(period), "0.0.0.0", port, backlog=4096)  # noqa: S104
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
